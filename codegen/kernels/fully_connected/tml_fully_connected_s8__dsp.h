/* Matrix product with constant weights with the DSP extension: 4 features or more. */
#ifndef TML_FULLY_CONNECTED_S8__DSP_H
#define TML_FULLY_CONNECTED_S8__DSP_H

#include "tml_copy.h"
#include "tml_dsp.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t features; /* values each output value is a sum over */
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int32_t *weights; /* [groups of 4 filters][(features + 3) / 4][4]: see tml_dsp_filter_dense */
    const int32_t *scaling; /* [groups of 4 filters][2][5]: see tml_dsp_block */
} tml_fully_connected_fours;

/* One pixel: all output values from `features` input values. */
static TML_NOINLINE void tml_fully_connected_fours_pixel(const tml_fully_connected_fours *p, const int8_t *input,
                                                         int8_t *out)
{
    const int32_t channels = p->output.channels;
    const int32_t rest = channels & 3;
    int8_t last[4];
    tml_dsp_dense dense = {
        .x = input,
        .x_whole = input + (p->features & ~15),
        .x_end = input + (p->features & ~3),
        .zero = 2 * p->output_zero_point + 1,
        .back = -p->features & 3,
        .out = out,
        .scaling = p->scaling,
        .scaling_end = p->scaling + channels / 4 * 10,
        .weights = p->weights,
    };
    if (channels >= 4) {
        tml_dsp_filter_dense(&dense);
    }
    if (rest > 0) {
        dense.out = last;
        dense.scaling_end = dense.scaling + 10;
        tml_dsp_filter_dense(&dense);
        tml_copy(out + (channels - rest), last, rest);
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(out, channels, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). An output of several rows is an image whose rows are those of the input; one of a
 * single row reads the whole input, which then lies in one piece. */
static inline void tml_fully_connected_s8__dsp(const tml_fully_connected_fours *p, const int8_t *input, int8_t *output,
                                               int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_fully_connected_fours_pixel(p, in + column * p->features, out + column * p->output.channels);
        }
    }
}

#endif
