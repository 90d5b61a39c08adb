/* Reference mean: any axes of a tensor whose axes alternate at most three times between kept and reduced. */
#ifndef TML_MEAN_S8_H
#define TML_MEAN_S8_H

#include "tml_mean.h"

/* One output value; `first` is the first of the input values it averages. */
static inline int8_t tml_mean_s8_value(const tml_mean *p, const int8_t *first)
{
    const int32_t *size = p->reduced;
    const int32_t *stride = p->reduced + 3;
    int32_t sum = -p->input_zero_point * p->count;
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            for (int32_t k = 0; k < size[2]; k++) {
                sum += first[i * stride[0] + j * stride[1] + k * stride[2]];
            }
        }
    }
    return tml_rescale(sum, p->multiplier, p->shift, p->output_zero_point, INT8_MIN, INT8_MAX);
}

/* Output rows [row_begin, row_end). */
static inline void tml_mean_s8(const tml_mean *p, const int8_t *input, int8_t *output, int32_t row_begin,
                               int32_t row_end)
{
    const int32_t *size = p->kept;
    const int32_t *stride = p->kept + 3;
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = p->row_stride ? input + row * p->row_stride : tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t i = 0; i < size[0]; i++) {
            for (int32_t j = 0; j < size[1]; j++) {
                for (int32_t k = 0; k < size[2]; k++) {
                    *out++ = tml_mean_s8_value(p, in + i * stride[0] + j * stride[1] + k * stride[2]);
                }
            }
        }
    }
}

#endif
