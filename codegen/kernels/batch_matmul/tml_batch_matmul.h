/* Parameters of the batch_matmul kernel. */
#ifndef TML_BATCH_MATMUL_H
#define TML_BATCH_MATMUL_H

#include "tml_accumulator.h"
#include "tml_broadcast.h"

typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    tml_broadcast batch; /* its lines are matrices, of `rows` lines of `length` outputs */
    int32_t rows;
    int32_t depth; /* values that are multiplied and added up */
    int32_t row_step0; /* of the first operand, from one output row of a matrix to the next */
    int32_t depth_step0;
    int32_t depth_step1;
    int32_t column_step1;
    int32_t input0_zero_point;
    int32_t input1_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* Q31 */
    int32_t shift;      /* [-31, 30] */
} tml_batch_matmul;

#endif
