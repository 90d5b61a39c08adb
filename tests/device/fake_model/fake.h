/* A hand-written stand-in for a generated model: two inputs (300 and 7 bytes), two outputs (70 and 3). */
#ifndef FAKE_H
#define FAKE_H

#include <stdint.h>

#define FAKE_ARENA_BYTES 512
#define FAKE_STEPS 2
#ifndef FAKE_KEEPS_INPUT
#define FAKE_KEEPS_INPUT 0
#endif

extern int8_t fake_arena[FAKE_ARENA_BYTES];
int8_t *fake_input_image(void);
int8_t *fake_input_bias(void);
const int8_t *fake_output_sums(void);
const int8_t *fake_output_tail(void);
void fake_invoke(void);
void fake_reset(void);

#endif
