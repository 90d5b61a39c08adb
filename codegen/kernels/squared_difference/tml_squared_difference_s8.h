/* Reference squared difference: any shapes that broadcast. */
#ifndef TML_SQUARED_DIFFERENCE_S8_H
#define TML_SQUARED_DIFFERENCE_S8_H

#include "tml_squared_difference.h"

static inline int8_t tml_squared_difference_s8_value(const tml_squared_difference *p, int32_t input0, int32_t input1)
{
    const int32_t first = tml_requantize((input0 - p->input0_zero_point) * 128, p->input0_multiplier, p->input0_shift);
    const int32_t second = tml_requantize((input1 - p->input1_zero_point) * 128, p->input1_multiplier, p->input1_shift);
    return tml_rescale((first - second) * (first - second), p->output_multiplier, p->output_shift,
                       p->output_zero_point, INT8_MIN, INT8_MAX);
}

/* Output rows [row_begin, row_end). */
static inline void tml_squared_difference_s8(const tml_squared_difference *p, const int8_t *input0,
                                             const int8_t *input1, int8_t *output, int32_t row_begin, int32_t row_end)
{
    const tml_broadcast *b = &p->broadcast;
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_line line = {tml_operand_row(input0, &p->input0, row, b->row_step0),
                         tml_operand_row(input1, &p->input1, row, b->row_step1),
                         {0}};
        for (int32_t n = 0; n < b->lines; n++) {
            for (int32_t i = 0; i < b->length; i++) {
                *out++ = tml_squared_difference_s8_value(p, line.input0[i * b->step0], line.input1[i * b->step1]);
            }
            tml_line_next(&line, b);
        }
    }
}

#endif
