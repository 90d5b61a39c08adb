/* Reference softmax over the last axis. Output: 1/256 * (q + 128). */
#ifndef TML_SOFTMAX_S8_H
#define TML_SOFTMAX_S8_H

#include "tml_softmax.h"

/* Sums from here on (512 in Q12) leave every output below half a step. */
#define TML_SOFTMAX_SUM_LIMIT ((uint32_t)1 << 28)

/* exp of a value that lies `below` steps under the maximum, Q0. */
static inline int32_t tml_softmax_s8_exp(const tml_softmax *p, int32_t below)
{
    return below < p->exp_count ? p->exp_table[below] : 0;
}

/* One line of `length` values; `out` may be `in`. */
static inline void tml_softmax_s8_line(const tml_softmax *p, const int8_t *in, int8_t *out, int32_t length)
{
    int32_t highest = INT8_MIN;
    uint32_t sum = 0;
    int32_t bits = 0;
    for (int32_t i = 0; i < length; i++) {
        highest = tml_max(highest, in[i]);
    }
    for (int32_t i = 0; i < length && sum < TML_SOFTMAX_SUM_LIMIT; i++) {
        sum += (uint32_t)tml_rounding_shift_right(tml_softmax_s8_exp(p, highest - in[i]), 12);
    }
    const int32_t scale = sum < TML_SOFTMAX_SUM_LIMIT ? tml_reciprocal(sum, 12, &bits) : 0;
    for (int32_t i = 0; i < length; i++) {
        const int32_t share = tml_doubling_high_mul(scale, tml_softmax_s8_exp(p, highest - in[i]));
        const int32_t value = tml_rounding_shift_right(share, bits + 23) - 128;
        out[i] = (int8_t)tml_clamp(value, INT8_MIN, INT8_MAX);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_softmax_s8(const tml_softmax *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                  int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_softmax_s8_line(p, in, out, p->output.channels);
            in += p->output.channels;
            out += p->output.channels;
        }
    }
}

#endif
