/* Reference multiplication: any shapes that broadcast. */
#ifndef TML_MUL_S8_H
#define TML_MUL_S8_H

#include "tml_mul.h"

static inline void tml_mul_s8_line(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *out)
{
    const tml_broadcast *b = &p->broadcast;
    for (int32_t i = 0; i < b->length; i++) {
        const int32_t product =
            (input0[i * b->step0] - p->input0_zero_point) * (input1[i * b->step1] - p->input1_zero_point);
        out[i] = tml_rescale(product, p->multiplier, p->shift, p->output_zero_point, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_mul_s8(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *output,
                              int32_t row_begin, int32_t row_end)
{
    tml_mul_lines(p, input0, input1, output, row_begin, row_end, tml_mul_s8_line);
}

#endif
