/* Mean of int16 activations: any axes of a tensor whose axes alternate at most three times between kept and reduced. */
#ifndef TML_MEAN_S16_H
#define TML_MEAN_S16_H

#include "tml_mean.h"
#include "tml_wide.h"

/* One output value; `first` is the first of the input values it averages. */
static inline int16_t tml_mean_s16_value(const tml_mean *p, const tml_s16 *first)
{
    const int32_t *size = p->reduced;
    const int32_t *stride = p->reduced + 3;
    int32_t sum = 0;
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            for (int32_t k = 0; k < size[2]; k++) {
                sum += first[i * stride[0] + j * stride[1] + k * stride[2]];
            }
        }
    }
    return (int16_t)tml_clamp(tml_requantize(sum, p->multiplier, p->shift), INT16_MIN, INT16_MAX);
}

/* Output rows [row_begin, row_end). */
static inline void tml_mean_s16(const tml_mean *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                int32_t row_end)
{
    const int32_t *size = p->kept;
    const int32_t *stride = p->kept + 3;
    for (int32_t row = row_begin; row < row_end; row++) {
        const tml_s16 *in = p->row_stride ? (const tml_s16 *)(const void *)input + row * p->row_stride
                                          : tml_row_s16(input, &p->input, row);
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        for (int32_t i = 0; i < size[0]; i++) {
            for (int32_t j = 0; j < size[1]; j++) {
                for (int32_t k = 0; k < size[2]; k++) {
                    *out++ = tml_mean_s16_value(p, in + i * stride[0] + j * stride[1] + k * stride[2]);
                }
            }
        }
    }
}

#endif
