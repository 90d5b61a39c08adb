/* Reference concatenation: images along height, width or channels by rows; anything else as one row. */
#ifndef TML_CONCATENATION_S8_H
#define TML_CONCATENATION_S8_H

#include "tml_concatenation.h"

/* By itself, so that compilers see that the two do not overlap and turn the loop into their best copy. */
static TML_NOINLINE void tml_concatenation_s8_chunk(int8_t *restrict target, const int8_t *restrict source,
                                                    int32_t count)
{
    tml_copy(target, source, count);
}

/* Output rows [row_begin, row_end). */
static inline void tml_concatenation_s8(const tml_concatenation *p, const int8_t *const inputs[], int8_t *output,
                                        int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t i = 0; i < p->input_count; i++) {
            const int32_t y = row - p->first_row[i];
            if (y < 0 || y >= p->inputs[i].height) {
                continue;
            }
            const int8_t *in = tml_row(inputs[i], &p->inputs[i], y);
            for (int32_t k = 0; k < p->repeats; k++) {
                tml_concatenation_s8_chunk(out + k * p->stride + p->offset[i], in + k * p->chunk[i], p->chunk[i]);
            }
        }
    }
}

#endif
