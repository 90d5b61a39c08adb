/* Addition and subtraction of int16 activations: any shapes that broadcast. */
#ifndef TML_ADD_S16_H
#define TML_ADD_S16_H

#include "tml_add.h"
#include "tml_wide.h"

/* An operand's value on the common scale, 15 bits up for precision. */
static inline int32_t tml_add_s16_scale(const int8_t *at, int32_t multiplier, int32_t shift)
{
    const int32_t value = *(const tml_s16 *)(const void *)at;
    return tml_requantize(value * ((int32_t)1 << 15), multiplier, shift);
}

/* Output rows [row_begin, row_end). */
static inline void tml_add_s16(const tml_add *p, const int8_t *input0, const int8_t *input1, int8_t *output,
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
                const int32_t first =
                    tml_add_s16_scale(line.input0 + i * b->step0, p->input0_multiplier, p->input0_shift);
                const int32_t second =
                    tml_add_s16_scale(line.input1 + i * b->step1, p->input1_multiplier, p->input1_shift);
                const int32_t sum = p->subtract ? first - second : first + second;
                const int32_t value = tml_requantize(sum, p->output_multiplier, p->output_shift);
                *out++ = (int16_t)tml_clamp(value, p->clamp_low, p->clamp_high);
            }
            tml_line_next(&line, b);
        }
    }
}

#endif
