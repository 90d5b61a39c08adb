/* Parameters of the mul kernel. */
#ifndef TML_MUL_H
#define TML_MUL_H

#include "tml_accumulator.h"
#include "tml_broadcast.h"

typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    tml_broadcast broadcast;
    int32_t input0_zero_point;
    int32_t input1_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* Q31 */
    int32_t shift;      /* [-31, 30] */
    int32_t clamp_low;
    int32_t clamp_high;
} tml_mul;

/* The values of one line. */
typedef void tml_mul_line(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *out);

/* Output rows [row_begin, row_end) of int8. */
static TML_INLINE void tml_mul_lines(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *output,
                                     int32_t row_begin, int32_t row_end, tml_mul_line *multiply)
{
    const tml_broadcast *b = &p->broadcast;
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_line line = {tml_operand_row(input0, &p->input0, row, b->row_step0),
                         tml_operand_row(input1, &p->input1, row, b->row_step1),
                         {0}};
        for (int32_t n = 0; n < b->lines; n++) {
            multiply(p, line.input0, line.input1, out);
            out += b->length;
            tml_line_next(&line, b);
        }
    }
}

#endif
