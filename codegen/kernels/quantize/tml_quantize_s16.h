/* Rescaling from int16 to other steps of int16. */
#ifndef TML_QUANTIZE_S16_H
#define TML_QUANTIZE_S16_H

#include "tml_quantize.h"

/* Output rows [row_begin, row_end). */
static inline void tml_quantize_s16(const tml_quantize *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                    int32_t row_end)
{
    const int32_t length = p->output.width * p->output.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_s16 *in = tml_row_s16(input, &p->input, row);
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        for (int32_t i = 0; i < length; i++) {
            out[i] = (int16_t)tml_quantize_value(p, in[i], INT16_MIN, INT16_MAX);
        }
    }
}

#endif
