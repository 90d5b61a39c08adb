/* SVDF with an int8 state. */
#ifndef TML_SVDF_S8_H
#define TML_SVDF_S8_H

#include "tml_svdf.h"

/* The one row of output and next state; `next` may be `state`. */
static inline void tml_svdf_s8(const tml_svdf *p, const int8_t *input, const int8_t *state, int8_t *output,
                               int8_t *next, int32_t row_begin, int32_t row_end)
{
    const int8_t *weights = p->time_weights;
    (void)row_begin;
    (void)row_end;
    for (int32_t unit = 0; unit < p->output.channels; unit++) {
        int32_t sum = p->bias[unit];
        for (int32_t r = 0; r < p->rank; r++) {
            const int32_t newest = tml_clamp(tml_svdf_feature(p, input, unit * p->rank + r), -128, 127);
            const int8_t held = (int8_t)(uint8_t)((uint32_t)(newest + p->state_zero_point) & 255u);
            int32_t over_time = 0;
            for (int32_t i = 0; i + 1 < p->memory; i++) {
                next[i] = state[i + 1];
                over_time += (next[i] - p->state_zero_point) * weights[i];
            }
            next[p->memory - 1] = held;
            over_time += (held - p->state_zero_point) * weights[p->memory - 1];
            sum = tml_add_wrapping(sum, over_time);
            next += p->memory;
            state += p->memory;
            weights += p->memory;
        }
        output[unit] = tml_svdf_output(p, sum);
    }
}

#endif
