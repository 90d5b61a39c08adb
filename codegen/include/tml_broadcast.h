/* Two operands that stretch over each other, walked line by line in the order of the output. */
#ifndef TML_BROADCAST_H
#define TML_BROADCAST_H

#include "tml_types.h"

#define TML_BROADCAST_SIDES 7

/* One output row is `lines` lines of `length` values. The sides around a line are listed innermost first; a stride is 0
 * where the operand's side is 1 and is repeated. */
typedef struct {
    int32_t row_step0; /* bytes, as all steps, from one output row to the next in an operand held as one row */
    int32_t row_step1;
    int32_t length;
    int32_t step0; /* from one value of a line to the next: 0 or a value's size */
    int32_t step1;
    int32_t lines;
    int32_t side_count; /* at most TML_BROADCAST_SIDES */
    const int32_t *side;
    const int32_t *stride0;
    const int32_t *stride1;
} tml_broadcast;

/* First values of the operands in a line, and its place among the sides. */
typedef struct {
    const int8_t *input0;
    const int8_t *input1;
    int32_t index[TML_BROADCAST_SIDES];
} tml_line;

/* Where an operand's part of output row `row` begins. */
static inline const int8_t *tml_operand_row(const int8_t *input, const tml_view *view, int32_t row, int32_t row_step)
{
    return view->height == 1 ? input + row * row_step : tml_row(input, view, row);
}

/* Moves on to the next line of the row. */
static inline void tml_line_next(tml_line *line, const tml_broadcast *p)
{
    for (int32_t s = 0; s < p->side_count; s++) {
        line->input0 += p->stride0[s];
        line->input1 += p->stride1[s];
        line->index[s]++;
        if (line->index[s] < p->side[s]) {
            return;
        }
        line->index[s] = 0;
        line->input0 -= p->stride0[s] * p->side[s];
        line->input1 -= p->stride1[s] * p->side[s];
    }
}

#endif
