/* Logistic function of int16 values. Output: q / 32768. */
#ifndef TML_LOGISTIC_S16_H
#define TML_LOGISTIC_S16_H

#include "tml_lookup.h"

/* Output rows [row_begin, row_end). */
static inline void tml_logistic_s16(const tml_sigmoid *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                    int32_t row_end)
{
    const int32_t length = p->output.width * p->output.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_s16 *in = tml_row_s16(input, &p->input, row);
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        for (int32_t i = 0; i < length; i++) {
            out[i] = tml_sigmoid_logistic(p->table, tml_sigmoid_scaled(in[i], p->multiplier, p->shift));
        }
    }
}

#endif
