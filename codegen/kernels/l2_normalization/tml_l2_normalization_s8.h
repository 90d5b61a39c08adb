/* Reference division by the length along the last axis. Output: q / 128. */
#ifndef TML_L2_NORMALIZATION_S8_H
#define TML_L2_NORMALIZATION_S8_H

#include "tml_l2_normalization.h"

/* One line of `length` values; `out` may be `in`. */
static inline void tml_l2_normalization_s8_line(const tml_l2_normalization *p, const int8_t *in, int8_t *out,
                                                int32_t length)
{
    int32_t sum = 0;
    int32_t places = 0;
    for (int32_t i = 0; i < length; i++) {
        const int32_t centred = in[i] - p->input_zero_point;
        sum += centred * centred;
    }
    const int32_t root = tml_inverse_square_root(sum, &places);
    for (int32_t i = 0; i < length; i++) {
        const int32_t value = tml_requantize(in[i] - p->input_zero_point, root, 7 - places);
        out[i] = (int8_t)tml_clamp(value, INT8_MIN, INT8_MAX);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_l2_normalization_s8(const tml_l2_normalization *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_l2_normalization_s8_line(p, in, out, p->output.channels);
            in += p->output.channels;
            out += p->output.channels;
        }
    }
}

#endif
