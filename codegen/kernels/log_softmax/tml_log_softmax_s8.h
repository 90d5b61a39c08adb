/* Reference logarithm of the softmax over the last axis. Output: 1/16 * (q - 127). */
#ifndef TML_LOG_SOFTMAX_S8_H
#define TML_LOG_SOFTMAX_S8_H

#include "tml_log_softmax.h"

/* One line of `length` values, fewer than 4096; `out` may be `in`. */
static inline void tml_log_softmax_s8_line(const tml_log_softmax *p, const int8_t *in, int8_t *out, int32_t length)
{
    int32_t highest = INT8_MIN;
    int32_t sum = 0; /* Q12 */
    for (int32_t i = 0; i < length; i++) {
        highest = tml_max(highest, in[i]);
    }
    for (int32_t i = 0; i < length; i++) {
        sum += highest - in[i] < p->exp_count ? p->exp_table[highest - in[i]] : 0;
    }
    const int32_t log = tml_logarithm(sum, 12, 5); /* Q5 */
    const int32_t reach = tml_max(p->least - 1, tml_requantize(log + INT32_MIN, p->back_multiplier, p->back_shift));
    for (int32_t i = 0; i < length; i++) {
        const int32_t below = in[i] - highest;
        int32_t value = INT8_MIN;
        if (below > reach) {
            const int32_t scaled = tml_requantize(below, p->multiplier, p->shift);
            value = tml_rounding_shift_right(scaled - log, 22) + INT8_MAX;
        }
        out[i] = (int8_t)tml_clamp(value, INT8_MIN, INT8_MAX);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_log_softmax_s8(const tml_log_softmax *p, const int8_t *input, int8_t *output,
                                      int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_log_softmax_s8_line(p, in, out, p->output.channels);
            in += p->output.channels;
            out += p->output.channels;
        }
    }
}

#endif
