/* Parameters of the convolutions that widen patches of the image to int16 and multiply them with pairs of filters, and
 * what they share. */
#ifndef TML_CONV2D_PATCHES_H
#define TML_CONV2D_PATCHES_H

#include "tml_copy.h"
#include "tml_dsp_rescale.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    int32_t groups;         /* words that a patch is read in: every run of a row of taps ends in one */
    const int32_t *weights; /* [pairs of filters][groups][2]: see tml_dsp_dot_2x2 */
    const int32_t *scaling; /* [pairs of filters][5]: biases, multipliers and shifts, see tml_conv2d_patches_scales */
} tml_conv2d_patches;

/* A pixel of the output. */
typedef struct {
    int32_t row;
    int32_t column;
} tml_conv2d_place;

/* Rescalings of a pair of filters. */
typedef struct {
    tml_dsp_scale even;
    tml_dsp_scale odd;
} tml_conv2d_scales;

static inline tml_conv2d_scales tml_conv2d_patches_scales(const int32_t *scaling, int32_t zero_point)
{
    const tml_conv2d_scales scales = {
        .even = tml_dsp_scale_of(scaling[2], scaling[4] & 0xff, zero_point),
        .odd = tml_dsp_scale_of(scaling[3], scaling[4] >> 8, zero_point),
    };
    return scales;
}

/* The bytes under row `ky` of the taps: where they lie, or in `line` where the image does not reach that far. */
static inline const int8_t *tml_conv2d_patches_run(const tml_conv2d_patches *p, const int8_t *input,
                                                   tml_conv2d_place at, int32_t ky, int8_t *line)
{
    const int32_t channels = p->input.channels;
    const int32_t y = at.row * p->stride_h - p->pad_top + ky;
    const int32_t x = at.column * p->stride_w - p->pad_left;
    const int32_t length = p->kernel_w * channels;
    const int32_t begin = tml_max(x, 0);
    const int32_t end = tml_min(x + p->kernel_w, p->input.width);
    const int32_t inside = y >= 0 && y < p->input.height;
    if (inside && length >= 4 && end - begin == p->kernel_w) {
        return tml_row(input, &p->input, y) + x * channels;
    }
    tml_fill(line, p->input_zero_point, tml_max(length, 4));
    if (inside && begin < end) {
        tml_copy(line + (begin - x) * channels, tml_row(input, &p->input, y) + begin * channels,
                 (end - begin) * channels);
    }
    return line;
}

/* Widens the patches of two pixels, interleaved as tml_dsp_dot_2x2 reads them. Behind the `groups` groups lie two lines
 * of bytes. */
static TML_NOINLINE void tml_conv2d_patches_widen(const tml_conv2d_patches *p, const int8_t *input,
                                                  const tml_conv2d_place at[2], int32_t *patches)
{
    const int32_t length = p->kernel_w * p->input.channels;
    const int32_t words = length / 4;
    const int32_t last = tml_max(length - 4, 0);
    int8_t *const line = (int8_t *)(patches + 4 * p->groups);
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int8_t *first = tml_conv2d_patches_run(p, input, at[0], ky, line);
        const int8_t *second = tml_conv2d_patches_run(p, input, at[1], ky, line + tml_max(length, 4));
        if (words > 0) {
            patches = tml_dsp_widen_2(patches, first, second, words);
        }
        if (length % 4 != 0) {
            patches = tml_dsp_widen_2(patches, first + last, second + last, 1);
        }
    }
}

/* All output channels of two pixels. */
static TML_NOINLINE void tml_conv2d_patches_two(const tml_conv2d_patches *p, const int32_t *patches, int8_t *out0,
                                                int8_t *out1)
{
    const int32_t *weights = p->weights;
    const int32_t *scaling = p->scaling;
    for (int32_t c = 0; c < p->output.channels; c += 2) {
        tml_dsp_sums first = {scaling[0], scaling[1]};
        tml_dsp_sums second = first;
        weights = tml_dsp_dot_2x2(patches, weights, p->groups, &first, &second);
        const tml_conv2d_scales scales = tml_conv2d_patches_scales(scaling, p->output_zero_point);
        out0[c] = tml_dsp_rescale(first.even * 2, scales.even);
        out1[c] = tml_dsp_rescale(second.even * 2, scales.even);
        if (c + 1 < p->output.channels) {
            out0[c + 1] = tml_dsp_rescale(tml_dsp_odd(first), scales.odd);
            out1[c + 1] = tml_dsp_rescale(tml_dsp_odd(second), scales.odd);
        }
        scaling += 5;
    }
}

/* All output channels of one pixel, the first of the two that were widened. */
static TML_NOINLINE void tml_conv2d_patches_one(const tml_conv2d_patches *p, const int32_t *patches, int8_t *out)
{
    const int32_t *weights = p->weights;
    const int32_t *scaling = p->scaling;
    for (int32_t c = 0; c < p->output.channels; c += 2) {
        tml_dsp_sums sums = {scaling[0], scaling[1]};
        weights = tml_dsp_dot_1x2(patches, weights, p->groups, &sums);
        const tml_conv2d_scales scales = tml_conv2d_patches_scales(scaling, p->output_zero_point);
        out[c] = tml_dsp_rescale(sums.even * 2, scales.even);
        if (c + 1 < p->output.channels) {
            out[c + 1] = tml_dsp_rescale(tml_dsp_odd(sums), scales.odd);
        }
        scaling += 5;
    }
}

static inline tml_conv2d_place tml_conv2d_patches_next(const tml_conv2d_patches *p, tml_conv2d_place at)
{
    at.column++;
    if (at.column == p->output.width) {
        at.column = 0;
        at.row++;
    }
    return at;
}

static inline int8_t *tml_conv2d_patches_out(const tml_conv2d_patches *p, int8_t *output, tml_conv2d_place at)
{
    int8_t *out = tml_row_out(output, &p->output, at.row) + at.column * p->output.channels;
    return out;
}

/* Output rows [row_begin, row_end), two pixels at a time. patches: 4 * groups words and two lines of bytes. */
static TML_NOINLINE void tml_conv2d_patches_rows(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                                 int32_t row_begin, int32_t row_end, int32_t *patches)
{
    tml_conv2d_place at[2] = {{row_begin, 0}, {row_begin, 0}};
    for (int32_t left = (row_end - row_begin) * p->output.width; left > 0; left -= 2) {
        at[1] = left > 1 ? tml_conv2d_patches_next(p, at[0]) : at[0];
        tml_conv2d_patches_widen(p, input, at, patches);
        if (left > 1) {
            tml_conv2d_patches_two(p, patches, tml_conv2d_patches_out(p, output, at[0]),
                                   tml_conv2d_patches_out(p, output, at[1]));
        } else {
            tml_conv2d_patches_one(p, patches, tml_conv2d_patches_out(p, output, at[0]));
        }
        at[0] = tml_conv2d_patches_next(p, at[1]);
    }
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_dsp_clamp(tml_row_out(output, &p->output, row), p->output.width * p->output.channels, p->clamp_low,
                      p->clamp_high);
    }
}

#endif
