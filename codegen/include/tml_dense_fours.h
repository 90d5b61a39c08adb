/* Parameters of the matrix products with constant weights with the DSP extension, and one pixel of them. */
#ifndef TML_DENSE_FOURS_H
#define TML_DENSE_FOURS_H

#include "tml_copy.h"
#include "tml_dsp_dense.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t features;   /* values each output value is a sum over */
    int32_t row_stride; /* input rows from one output row to the next */
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int32_t *weights; /* [groups of 4 filters][(features + 3) / 4][4]: see tml_dsp_filter_dense */
    const int32_t *biases;  /* [groups of 4 filters][4] */
    const int32_t *rescaling;
    int32_t rescaling_back; /* see tml_dsp_dense for these three */
} tml_dense_fours;

/* One pixel: all output values from `features` input values. */
static TML_NOINLINE void tml_dense_fours_pixel(const tml_dense_fours *p, const int8_t *input,
                                                         int8_t *out)
{
    const int32_t channels = p->output.channels;
    const int32_t rest = channels & 3;
    int8_t last[4];
    tml_dsp_dense dense = {
        .x = input,
        .skip = tml_dsp_skip(p->features / 4, TML_DSP_CODE_1X4),
        .x_end = input + (p->features & ~3),
        .zero = 2 * p->output_zero_point + 1,
        .back = -p->features & 3,
        .out = out,
        .biases = p->biases,
        .biases_end = p->biases + (channels & ~3),
        .weights = p->weights,
        .rescaling = p->rescaling,
        .rescaling_back = p->rescaling_back,
    };
    if (channels >= 4) {
        tml_dsp_filter_dense(&dense);
    }
    if (rest > 0) {
        dense.out = last;
        dense.biases_end = dense.biases + 4;
        tml_dsp_filter_dense(&dense);
        tml_copy(out + (channels - rest), last, rest);
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(out, channels, p->clamp_low, p->clamp_high);
    }
}

#endif
