/* Reference products of matrices: any batches that broadcast, either operand transposed. */
#ifndef TML_BATCH_MATMUL_S8_H
#define TML_BATCH_MATMUL_S8_H

#include "tml_batch_matmul.h"

/* Columns that a value of the first operand is loaded once for. */
#define TML_BATCH_MATMUL_COLUMNS 4

/* Sum along a row of the first operand. */
static inline int32_t tml_batch_matmul_s8_row_sum(const tml_batch_matmul *p, const int8_t *first)
{
    int32_t sum = 0;
    for (int32_t k = 0; k < p->depth; k++) {
        sum += *first - p->input0_zero_point;
        first += p->depth_step0;
    }
    return sum;
}

/* Products of the row with `count` columns, of which those behind are the last one again. The second zero point is left
 * out: it takes the same off every column. */
static inline void tml_batch_matmul_s8_columns(const tml_batch_matmul *p, const int8_t *first, const int8_t *second,
                                               int32_t count, int32_t *sums)
{
    const int32_t step = p->column_step1;
    const int8_t *column_1 = second + (count > 1 ? step : 0);
    const int8_t *column_2 = column_1 + (count > 2 ? step : 0);
    const int8_t *column_3 = column_2 + (count > 3 ? step : 0);
    int32_t sum_0 = 0;
    int32_t sum_1 = 0;
    int32_t sum_2 = 0;
    int32_t sum_3 = 0;
    for (int32_t k = 0; k < p->depth; k++) {
        const int32_t value = *first - p->input0_zero_point;
        const int32_t place = k * p->depth_step1;
        sum_0 += value * second[place];
        sum_1 += value * column_1[place];
        sum_2 += value * column_2[place];
        sum_3 += value * column_3[place];
        first += p->depth_step0;
    }
    sums[0] = sum_0;
    sums[1] = sum_1;
    sums[2] = sum_2;
    sums[3] = sum_3;
}

/* One matrix. */
static inline void tml_batch_matmul_s8_matrix(const tml_batch_matmul *p, const int8_t *input0, const int8_t *input1,
                                              int8_t *out)
{
    int32_t sums[TML_BATCH_MATMUL_COLUMNS];
    for (int32_t row = 0; row < p->rows; row++) {
        const int32_t offset = p->input1_zero_point * tml_batch_matmul_s8_row_sum(p, input0);
        const int8_t *column = input1;
        for (int32_t left = p->batch.length; left > 0; left -= TML_BATCH_MATMUL_COLUMNS) {
            const int32_t count = left < TML_BATCH_MATMUL_COLUMNS ? left : TML_BATCH_MATMUL_COLUMNS;
            tml_batch_matmul_s8_columns(p, input0, column, count, sums);
            for (int32_t i = 0; i < count; i++) {
                TML_COUNT_MACS(p->depth);
                *out++ = tml_rescale(sums[i] - offset, p->multiplier, p->shift, p->output_zero_point, INT8_MIN,
                                     INT8_MAX);
            }
            column += TML_BATCH_MATMUL_COLUMNS * p->column_step1;
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
