/* Multiplication of int16 activations: any shapes that broadcast. */
#ifndef TML_MUL_S16_H
#define TML_MUL_S16_H

#include "tml_mul.h"
#include "tml_wide.h"

/* Output rows [row_begin, row_end). */
static inline void tml_mul_s16(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *output,
                               int32_t row_begin, int32_t row_end)
{
    const tml_broadcast *b = &p->broadcast;
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        tml_line line = {tml_operand_row(input0, &p->input0, row, b->row_step0),
                         tml_operand_row(input1, &p->input1, row, b->row_step1),
                         {0}};
        for (int32_t n = 0; n < b->lines; n++) {
            for (int32_t i = 0; i < b->length; i++) {
                const int32_t first = *(const tml_s16 *)(const void *)(line.input0 + i * b->step0);
                const int32_t second = *(const tml_s16 *)(const void *)(line.input1 + i * b->step1);
                const int32_t value = tml_requantize(first * second, p->multiplier, p->shift);
                *out++ = (int16_t)tml_clamp(value, p->clamp_low, p->clamp_high);
            }
            tml_line_next(&line, b);
        }
    }
}

#endif
