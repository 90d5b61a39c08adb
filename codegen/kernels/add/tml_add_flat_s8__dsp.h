/* Addition of two tensors of one shape with the DSP extension. */
#ifndef TML_ADD_FLAT_S8__DSP_H
#define TML_ADD_FLAT_S8__DSP_H

#include "tml_copy.h"
#include "tml_dsp.h"

/* Both operands go to twice the larger scale of the two, 20 bits up. That of the exact one becomes a half, so its value
 * only goes 19 bits up; the scaled one's is rescaled with both of TFLite's roundings, as in tml_dsp.h. */
typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    int32_t exact;  /* which of the operands */
    int32_t factor; /* of the scaled one: 1 << 20, or 1 << 21 with one more bit in shift; and the 2 of SMMLAR */
    int32_t offset; /* -factor * its zero point */
    int32_t multiplier;
    int32_t half; /* 1 << (shift - 1) */
    int32_t shift;
    int32_t exact_offset; /* -(1 << 19) * the exact one's zero point */
    int32_t output_multiplier;
    int32_t output_offset; /* (2 * zero point + 1) << (output_shift - 1) */
    int32_t output_shift;
    int32_t clamp_low;
    int32_t clamp_high;
} tml_add_flat;

static TML_NOINLINE void tml_add_flat_row(const tml_add_flat *p, const int8_t *scaled, const int8_t *exact,
                                          int8_t *out, int32_t count)
{
    const int32_t factor = p->factor;
    const int32_t offset = p->offset;
    const int32_t multiplier = p->multiplier;
    const int32_t half = p->half;
    const int32_t shift = p->shift;
    const int32_t exact_offset = p->exact_offset;
    const int32_t output_multiplier = p->output_multiplier;
    const int32_t output_offset = p->output_offset;
    const int32_t output_shift = p->output_shift;
    for (int32_t i = 0; i < count; i++) {
        const int32_t raised = scaled[i] * factor + offset;
        const int32_t product = tml_dsp_multiply(raised, multiplier, half + (raised >> 31));
        const int32_t sum = tml_dsp_shift_right(product, shift) + exact[i] * (1 << 19) + exact_offset;
        const int32_t value = tml_dsp_multiply(2 * sum, output_multiplier, output_offset + (sum >> 31));
        out[i] = (int8_t)tml_dsp_saturate(tml_dsp_shift_right(value, output_shift));
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
        const int8_t *const first = tml_row(input0, &p->input0, row);
        const int8_t *const second = tml_row(input1, &p->input1, row);
        tml_add_flat_row(p, p->exact == 0 ? second : first, p->exact == 0 ? first : second,
                         tml_row_out(output, &p->output, row), count);
    }
}

#endif
