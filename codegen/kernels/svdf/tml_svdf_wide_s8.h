/* SVDF with an int16 state, its low bytes first. */
#ifndef TML_SVDF_WIDE_S8_H
#define TML_SVDF_WIDE_S8_H

#include "tml_svdf.h"

static inline int32_t tml_svdf_load(const int8_t *state, int32_t index)
{
    return state[2 * index + 1] * 256 + (uint8_t)state[2 * index];
}

static inline void tml_svdf_store(int8_t *state, int32_t index, int32_t value)
{
    state[2 * index] = (int8_t)(uint8_t)((uint32_t)value & 255u);
    state[2 * index + 1] = (int8_t)(uint8_t)((uint32_t)value >> 8 & 255u);
}

/* The one row of output and next state; `next` may be `state`. */
static inline void tml_svdf_wide_s8(const tml_svdf *p, const int8_t *input, const int8_t *state, int8_t *output,
                                    int8_t *next, int32_t row_begin, int32_t row_end)
{
    const int16_t *weights = p->wide_time_weights;
    (void)row_begin;
    (void)row_end;
    for (int32_t unit = 0; unit < p->output.channels; unit++) {
        int32_t sum = p->bias[unit];
        for (int32_t r = 0; r < p->rank; r++) {
            const int32_t newest = tml_clamp(tml_svdf_feature(p, input, unit * p->rank + r), -32768, 32767);
            for (int32_t i = 0; i + 1 < p->memory; i++) {
                const int32_t value = tml_svdf_load(state, i + 1);
                tml_svdf_store(next, i, value);
                sum = tml_add_wrapping(sum, value * weights[i]);
            }
            tml_svdf_store(next, p->memory - 1, newest);
            sum = tml_add_wrapping(sum, newest * weights[p->memory - 1]);
            next += 2 * p->memory;
            state += 2 * p->memory;
            weights += p->memory;
        }
        output[unit] = tml_svdf_output(p, sum);
    }
}

#endif
