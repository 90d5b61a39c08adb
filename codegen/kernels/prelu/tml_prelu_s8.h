/* Reference leaky rectifier: slopes of any shape that broadcasts to the input's. */
#ifndef TML_PRELU_S8_H
#define TML_PRELU_S8_H

#include "tml_prelu.h"

static inline int8_t tml_prelu_s8_value(const tml_prelu *p, int32_t input, int32_t slope)
{
    const int32_t centred = input - p->input_zero_point;
    if (centred >= 0) {
        return tml_rescale(centred, p->positive_multiplier, p->positive_shift, p->output_zero_point, INT8_MIN,
                           INT8_MAX);
    }
    return tml_rescale(centred * (slope - p->slope_zero_point), p->negative_multiplier, p->negative_shift,
                       p->output_zero_point, INT8_MIN, INT8_MAX);
}

/* Output rows [row_begin, row_end). */
static inline void tml_prelu_s8(const tml_prelu *p, const int8_t *input, const int8_t *slope, int8_t *output,
                                int32_t row_begin, int32_t row_end)
{
    const tml_broadcast *b = &p->broadcast;
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_line line = {tml_operand_row(input, &p->input, row, b->row_step0),
                         tml_operand_row(slope, &p->slope, row, b->row_step1),
                         {0}};
        for (int32_t n = 0; n < b->lines; n++) {
            for (int32_t i = 0; i < b->length; i++) {
                *out++ = tml_prelu_s8_value(p, line.input0[i * b->step0], line.input1[i * b->step1]);
            }
            tml_line_next(&line, b);
        }
    }
}

#endif
