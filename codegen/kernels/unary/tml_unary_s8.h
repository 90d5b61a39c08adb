/* Any int8 function of one int8 value, by table. */
#ifndef TML_UNARY_S8_H
#define TML_UNARY_S8_H

#include "tml_unary.h"

/* Output rows [row_begin, row_end). */
static inline void tml_unary_s8(const tml_unary *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                int32_t row_end)
{
    const int32_t length = p->output.width * p->output.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t i = 0; i < length; i++) {
            out[i] = p->table[in[i] + 128];
        }
    }
}

#endif
