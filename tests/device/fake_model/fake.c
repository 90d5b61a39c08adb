/* sums[i] = image[i] + image[i + 70] - bias[i % 7]; tail[i] = bias[i] ^ 0x55, all modulo 256. Unless it keeps its
 * input, a run overwrites both inputs, as an arena's reuse would. With FAKE_STATES, the sums grow by 1 a run. */
#include "fake.h"

#ifdef TML_PROFILE
#include "tml_profile.h"
#endif
#ifndef TML_STEP_BEGIN
#define TML_STEP_BEGIN(index)
#define TML_STEP_END(index)
#endif

_Alignas(16) int8_t fake_arena[FAKE_ARENA_BYTES];
static int fake_runs;

int8_t *fake_input_image(void)
{
    return fake_arena;
}

int8_t *fake_input_bias(void)
{
    return fake_arena + 304;
}

const int8_t *fake_output_sums(void)
{
    return fake_arena + 320;
}

const int8_t *fake_output_tail(void)
{
    return fake_arena + 400;
}

void fake_reset(void)
{
    fake_runs = 0;
}

void fake_invoke(void)
{
    TML_STEP_BEGIN(0);
    for (int i = 0; i < 70; i++) {
        fake_arena[320 + i] = (int8_t)(uint8_t)(fake_arena[i] + fake_arena[i + 70] - fake_arena[304 + i % 7] + fake_runs);
    }
    TML_STEP_END(0);
    TML_STEP_BEGIN(1);
    for (int i = 0; i < 3; i++) {
        fake_arena[400 + i] = (int8_t)(fake_arena[304 + i] ^ 0x55);
    }
    for (int i = 0; i < 311 && !FAKE_KEEPS_INPUT; i++) {
        fake_arena[i] = (int8_t)(fake_arena[i] ^ 0x3C);
    }
#ifdef FAKE_STATES
    fake_runs++;
#endif
    TML_STEP_END(1);
}
