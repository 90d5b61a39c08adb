/* Rescaling from int16 to int8. */
#ifndef TML_QUANTIZE_S16_S8_H
#define TML_QUANTIZE_S16_S8_H

#include "tml_quantize.h"

/* Output rows [row_begin, row_end). */
static inline void tml_quantize_s16_s8(const tml_quantize *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                       int32_t row_end)
{
    const int32_t length = p->output.width * p->output.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_s16 *in = tml_row_s16(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t i = 0; i < length; i++) {
            out[i] = (int8_t)tml_quantize_value(p, in[i], INT8_MIN, INT8_MAX);
        }
    }
}

#endif
