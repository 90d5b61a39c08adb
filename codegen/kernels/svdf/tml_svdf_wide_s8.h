/* SVDF with an int16 state. */
#ifndef TML_SVDF_WIDE_S8_H
#define TML_SVDF_WIDE_S8_H

#include "tml_svdf.h"
#include "tml_int16.h"

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
            const int32_t newest = tml_clamp_s16(tml_svdf_feature(p, input, unit * p->rank + r));
            for (int32_t i = 0; i + 1 < p->memory; i++) {
                const int32_t value = tml_load_s16(state, i + 1);
                tml_store_s16(next, i, value);
                sum = tml_add_wrapping(sum, value * weights[i]);
            }
            tml_store_s16(next, p->memory - 1, newest);
            sum = tml_add_wrapping(sum, newest * weights[p->memory - 1]);
            next += 2 * p->memory;
            state += 2 * p->memory;
            weights += p->memory;
        }
        output[unit] = tml_svdf_output(p, sum);
    }
}

#endif
