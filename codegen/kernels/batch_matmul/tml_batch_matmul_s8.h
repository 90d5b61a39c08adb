/* Reference products of matrices: any batches that broadcast, either operand transposed. */
#ifndef TML_BATCH_MATMUL_S8_H
#define TML_BATCH_MATMUL_S8_H

#include "tml_batch_matmul.h"

/* Sum of the products along a row of the first operand and a column of the second. */
static inline int32_t tml_batch_matmul_s8_sum(const tml_batch_matmul *p, const int8_t *first, const int8_t *second)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < p->depth; k++) {
        sum += (*first - p->input0_zero_point) * (*second - p->input1_zero_point);
        first += p->depth_step0;
        second += p->depth_step1;
    }
    return sum;
}

/* One matrix. */
static inline void tml_batch_matmul_s8_matrix(const tml_batch_matmul *p, const int8_t *input0, const int8_t *input1,
                                              int8_t *out)
{
    for (int32_t row = 0; row < p->rows; row++) {
        for (int32_t column = 0; column < p->batch.length; column++) {
            const int32_t sum = tml_batch_matmul_s8_sum(p, input0, input1 + column * p->column_step1);
            TML_COUNT_MACS(p->depth);
            *out++ = tml_rescale(sum, p->multiplier, p->shift, p->output_zero_point, INT8_MIN, INT8_MAX);
        }
        input0 += p->row_step0;
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_batch_matmul_s8(const tml_batch_matmul *p, const int8_t *input0, const int8_t *input1,
                                       int8_t *output, int32_t row_begin, int32_t row_end)
{
    const tml_broadcast *b = &p->batch;
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_line line = {tml_operand_row(input0, &p->input0, row, b->row_step0),
                         tml_operand_row(input1, &p->input1, row, b->row_step1),
                         {0}};
        for (int32_t n = 0; n < b->lines; n++) {
            tml_batch_matmul_s8_matrix(p, line.input0, line.input1, out);
            out += p->rows * b->length;
            tml_line_next(&line, b);
        }
    }
}

#endif
