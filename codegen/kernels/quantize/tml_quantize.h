/* Parameters of the quantize kernels with int16 on a side. */
#ifndef TML_QUANTIZE_H
#define TML_QUANTIZE_H

#include "tml_accumulator.h"
#include "tml_wide.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t multiplier; /* Q31 */
    int32_t shift;      /* [-31, 30] */
} tml_quantize;

/* A value in the output's steps. */
static inline int32_t tml_quantize_value(const tml_quantize *p, int32_t value, int32_t low, int32_t high)
{
    const int32_t scaled = tml_requantize(value - p->input_zero_point, p->multiplier, p->shift);
    return tml_clamp(tml_add_wrapping(scaled, p->output_zero_point), low, high);
}

#endif
