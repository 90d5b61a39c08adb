/* Multiplication with the DSP extension: any shapes that broadcast. */
#ifndef TML_MUL_S8__DSP_H
#define TML_MUL_S8__DSP_H

#include "tml_copy.h"
#include "tml_dsp_scale.h"
#include "tml_mul.h"

static TML_NOINLINE void tml_mul_s8__dsp_line(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *out)
{
    const int32_t length = p->broadcast.length;
    const int32_t step0 = p->broadcast.step0;
    const int32_t step1 = p->broadcast.step1;
    const int32_t zero_point0 = p->input0_zero_point;
    const int32_t zero_point1 = p->input1_zero_point;
    const tml_dsp_scale scale = tml_dsp_scale_of(p->multiplier, p->shift, p->output_zero_point);
    for (int32_t i = 0; i < length; i++) {
        out[i] = tml_dsp_scaled(scale, (*input0 - zero_point0) * (*input1 - zero_point1));
        input0 += step0;
        input1 += step1;
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(out, length, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_mul_s8__dsp(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *output,
                                   int32_t row_begin, int32_t row_end)
{
    tml_mul_lines(p, input0, input1, output, row_begin, row_end, tml_mul_s8__dsp_line);
}

#endif
