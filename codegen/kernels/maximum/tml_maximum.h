/* Parameters of the maximum and minimum kernels. */
#ifndef TML_MAXIMUM_H
#define TML_MAXIMUM_H

#include "tml_broadcast.h"

typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    tml_broadcast broadcast;
} tml_maximum;

/* Output rows [row_begin, row_end): of each pair the greater byte, or the lesser. */
static TML_INLINE void tml_maximum_lines(const tml_maximum *p, const int8_t *input0, const int8_t *input1,
                                         int8_t *output, int32_t row_begin, int32_t row_end, int greater)
{
    const tml_broadcast *b = &p->broadcast;
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_line line = {tml_operand_row(input0, &p->input0, row, b->row_step0),
                         tml_operand_row(input1, &p->input1, row, b->row_step1),
                         {0}};
        for (int32_t n = 0; n < b->lines; n++) {
            for (int32_t i = 0; i < b->length; i++) {
                const int8_t first = line.input0[i * b->step0];
                const int8_t second = line.input1[i * b->step1];
                *out++ = (first > second) == greater ? first : second;
            }
            tml_line_next(&line, b);
        }
    }
}

#endif
