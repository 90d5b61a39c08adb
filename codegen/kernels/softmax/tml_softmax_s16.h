/* Softmax of int16 values over the last axis, of fewer than 65536. Output: q / 32768. */
#ifndef TML_SOFTMAX_S16_H
#define TML_SOFTMAX_S16_H

#include "tml_lookup.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t multiplier; /* Q31, to steps of 10 / 65535 */
    int32_t shift;
    const int16_t *exp_table;        /* [513], exp(x) for x from -10 to 0 */
    const int16_t *reciprocal_table; /* [513], 1 / (1 + x) for x from 0 to 1 */
} tml_softmax_wide;

/* One line of `length` values; `out` may be `in`. It holds the exponentials in between. */
static inline void tml_softmax_s16_line(const tml_softmax_wide *p, const tml_s16 *in, tml_s16 *out, int32_t length)
{
    int32_t highest = INT16_MIN;
    int32_t sum = 0;
    int32_t top = 0; /* of the sum, the place of its first bit */
    for (int32_t i = 0; i < length; i++) {
        highest = tml_max(highest, in[i]);
    }
    for (int32_t i = 0; i < length; i++) {
        const int32_t below = tml_requantize(in[i] - highest, p->multiplier, p->shift);
        const int32_t place = tml_clamp(below + INT16_MAX, INT16_MIN, INT16_MAX);
        out[i] = (int16_t)tml_interpolated(p->exp_table, place);
        sum += out[i];
    }
    while (sum >> top > 1) {
        top++;
    }
    const int32_t fraction = (int32_t)((((int64_t)sum << (30 - top)) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16);
    const int32_t scale = tml_interpolated(p->reciprocal_table, tml_clamp(fraction, INT16_MIN, INT16_MAX));
    for (int32_t i = 0; i < length; i++) {
        const int32_t share = (int32_t)(((int64_t)out[i] * scale + (((int64_t)1 << top) >> 1)) >> top);
        out[i] = (int16_t)tml_clamp(share, 0, INT16_MAX);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_softmax_s16(const tml_softmax_wide *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                   int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_s16 *in = tml_row_s16(input, &p->input, row);
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_softmax_s16_line(p, in, out, p->output.channels);
            in += p->output.channels;
            out += p->output.channels;
        }
    }
}

#endif
