/* Addition of two tensors of one shape with the DSP extension. */
#ifndef TML_ADD_FLAT_S8__DSP_H
#define TML_ADD_FLAT_S8__DSP_H

#include "tml_copy.h"
#include "tml_dsp.h"

/* To twice the larger scale of the two operands, 20 bits up: both of TFLite's roundings, as in tml_dsp.h. */
typedef struct {
    int32_t zero_point;
    int32_t raise; /* bits to shift the value up, the factor of 2 of SMMLAR included */
    int32_t multiplier;
    int32_t half; /* 1 << (shift - 1) */
    int32_t shift;
} tml_add_operand;

typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    tml_add_operand operand0;
    tml_add_operand operand1;
    int32_t multiplier;
    int32_t offset; /* (2 * zero point + 1) << (shift - 1) */
    int32_t shift;
    int32_t clamp_low;
    int32_t clamp_high;
} tml_add_flat;

static inline int32_t tml_add_flat_scale(int32_t value, const tml_add_operand *p)
{
    const int32_t raised = tml_dsp_shift_left(value - p->zero_point, p->raise);
    return tml_dsp_shift_right(tml_dsp_multiply(raised, p->multiplier, p->half + (raised >> 31)), p->shift);
}

static TML_NOINLINE void tml_add_flat_row(const tml_add_flat *p, const int8_t *input0, const int8_t *input1,
                                          int8_t *out, int32_t count)
{
    const tml_add_operand operand0 = p->operand0;
    const tml_add_operand operand1 = p->operand1;
    const int32_t multiplier = p->multiplier;
    const int32_t offset = p->offset;
    const int32_t shift = p->shift;
    for (int32_t i = 0; i < count; i++) {
        const int32_t sum = tml_add_flat_scale(input0[i], &operand0) + tml_add_flat_scale(input1[i], &operand1);
        const int32_t value = tml_dsp_multiply(2 * sum, multiplier, offset + (sum >> 31));
        out[i] = (int8_t)tml_dsp_saturate(tml_dsp_shift_right(value, shift));
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(out, count, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_add_flat_s8__dsp(const tml_add_flat *p, const int8_t *input0, const int8_t *input1,
                                        int8_t *output, int32_t row_begin, int32_t row_end)
{
    const int32_t count = p->output.width * p->output.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_add_flat_row(p, tml_row(input0, &p->input0, row), tml_row(input1, &p->input1, row),
                         tml_row_out(output, &p->output, row), count);
    }
}

#endif
