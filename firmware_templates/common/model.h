/* The model behind the protocol: where its bytes lie, one run, its results. Binds to the macros of tml_app.h. */
#ifndef TML_MODEL_H
#define TML_MODEL_H

#include <stdint.h>

/* Byte `offset` of all inputs laid end to end arrives; in order, 0 first. A model that is fed by rows runs what every
 * row makes possible as soon as the row is complete. */
void tml_model_receive(uint32_t offset, int8_t byte);

/* The same byte for printing; 0 where it is no longer held. */
int8_t tml_model_input(uint32_t offset);

/* Byte `offset` of all outputs laid end to end; NULL beyond the last. */
const int8_t *tml_model_output(uint32_t offset);

/* One inference; returns its ticks, those of rows fed before included. */
uint32_t tml_model_run(void);

void tml_model_forget(void); /* the next inference is the first of a sequence */
void tml_model_poison(uint8_t value);
uint32_t tml_model_arena_peak(uint8_t poison); /* offset of the highest byte that differs, plus one; 0 when none does */

void tml_model_put_sizes(void);   /* inputs=490,..;outputs=12,.. */
void tml_model_put_results(void); /* m-results-[0.996094,...]: see put_real */

#endif
