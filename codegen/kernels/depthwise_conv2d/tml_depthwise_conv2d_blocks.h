/* Parameters of the depthwise convolutions with the DSP extension, and what they share: blocks of 4 channels and
 * TML_DSP_COLUMNS columns of an output row, widened with zero points where the image ends, so that no tap is tested. */
#ifndef TML_DEPTHWISE_CONV2D_BLOCKS_H
#define TML_DEPTHWISE_CONV2D_BLOCKS_H

#include "tml_copy.h"
#include "tml_dsp_depthwise.h"

/* Image columns under a block of output columns, taps rounded up to an even number. */
#define TML_DEPTHWISE_CONV2D_BLOCK_COLUMNS 20

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w; /* 1 or 2 */
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int32_t *weights; /* [blocks][pairs of rows][4][(kernel_w + 1) / 2]: see tml_dsp_depthwise.h */
    const int32_t *scaling; /* [blocks][4][4]: see tml_dsp_rescale_columns. The last block ends with the last channel */
} tml_depthwise_conv2d_blocks;

/* Where a block of channels is read: rows up to `row` in `kept`, if that is not NULL, the others in the image. */
typedef struct {
    const int8_t *image;
    const int8_t *kept; /* [pad_top + 1][input.width][4], row y in slot y % (pad_top + 1) */
    int32_t row;
} tml_depthwise_conv2d_source;

/* Row y of the image from column 0 on, or pixels of the zero point. */
static inline tml_dsp_line tml_depthwise_conv2d_line(const tml_depthwise_conv2d_blocks *p,
                                                     const tml_depthwise_conv2d_source *source, int32_t y,
                                                     const int8_t *zeros)
{
    tml_dsp_line line = {zeros, 0};
    if (y >= 0 && y < p->input.height) {
        if (source->kept && y <= source->row) {
            line = (tml_dsp_line){source->kept + y % (p->pad_top + 1) * p->input.width * 4, 4};
        } else {
            line = (tml_dsp_line){tml_row(source->image, &p->input, y), p->input.channels};
        }
    }
    return line;
}

/* Widens the columns [first, first + count) of the rows y and, if it is one of the kernel's, y + 1. */
static inline void tml_depthwise_conv2d_widen(const tml_depthwise_conv2d_blocks *p,
                                              const tml_depthwise_conv2d_source *source, int32_t y, int32_t both,
                                              int32_t first, int32_t count, int32_t *x)
{
    int8_t zeros[4];
    tml_fill(zeros, p->input_zero_point, 4);
    const tml_dsp_line none = {zeros, 0};
    const int32_t left = tml_clamp(-first, 0, count);
    const int32_t right = tml_clamp(first + count - p->input.width, 0, count - left);
    const int32_t inside = count - left - right;
    tml_dsp_line upper = tml_depthwise_conv2d_line(p, source, y, zeros);
    upper.at += (first + left) * upper.step;
    if (left > 0) {
        x = tml_dsp_widen_rows(x, none, none, left);
    }
    if (inside > 0 && both) {
        tml_dsp_line lower = tml_depthwise_conv2d_line(p, source, y + 1, zeros);
        lower.at += (first + left) * lower.step;
        x = tml_dsp_widen_rows(x, upper, lower, inside);
    } else if (inside > 0) {
        x = tml_dsp_widen_row(x, upper, inside);
    }
    if (right > 0) {
        tml_dsp_widen_rows(x, none, none, right);
    }
}

/* Adds the products of two rows of taps with the block's 4 channels. */
static inline void tml_depthwise_conv2d_taps(const tml_depthwise_conv2d_blocks *p, tml_dsp_taps *taps)
{
    if (p->kernel_w == 3 && p->stride_w == 1) {
        tml_dsp_taps_3(taps);
    } else if (p->kernel_w == 3) {
        tml_dsp_taps_3_by_2(taps);
    } else if (p->stride_w == 1) {
        tml_dsp_taps_any(taps);
    } else {
        tml_dsp_taps_any_by_2(taps);
    }
}

/* `count` output columns from `column` on of a block of channels; `out` is the first's place. */
static TML_NOINLINE void tml_depthwise_conv2d_block(const tml_depthwise_conv2d_blocks *p,
                                                    const tml_depthwise_conv2d_source *source, int32_t block,
                                                    int32_t row, int32_t column, int8_t *out)
{
    const int32_t count = tml_min(p->output.width - column, TML_DSP_COLUMNS);
    const int32_t pairs = (p->kernel_w + 1) / 2;
    int32_t x[TML_DEPTHWISE_CONV2D_BLOCK_COLUMNS * 4];
    int32_t sums[4 * TML_DSP_COLUMNS] = {0};
    int8_t values[TML_DSP_COLUMNS * 4];
    tml_dsp_taps taps = {
        .x = x,
        .x_end = x + 4,
        .sums = sums,
        .weights = p->weights + block * ((p->kernel_h + 1) / 2) * 4 * pairs,
        .pairs = pairs,
        .row_bytes = 32 * pairs,
    };
    const int32_t top = row * p->stride_h - p->pad_top;
    for (int32_t ky = 0; ky < p->kernel_h; ky += 2) {
        tml_depthwise_conv2d_widen(p, source, top + ky, ky + 1 < p->kernel_h, column * p->stride_w - p->pad_left,
                                   (count - 1) * p->stride_w + p->kernel_w, x);
        tml_depthwise_conv2d_taps(p, &taps);
        taps.sums = sums;
    }
    for (int32_t c = 0; c < 4; c++) {
        tml_dsp_rescale_columns(sums + c * TML_DSP_COLUMNS, p->scaling + (block * 4 + c) * 4, values + c);
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(values, 4 * count, p->clamp_low, p->clamp_high);
    }
    for (int32_t i = 0; i < count; i++) {
        tml_dsp_copy_word(out + i * p->output.channels, values + 4 * i);
    }
}

/* A block of channels of one output row; `out` is the place of the first in the row's first pixel. */
static inline void tml_depthwise_conv2d_block_row(const tml_depthwise_conv2d_blocks *p,
                                                  const tml_depthwise_conv2d_source *source, int32_t block,
                                                  int32_t row, int8_t *out)
{
    for (int32_t column = 0; column < p->output.width; column += TML_DSP_COLUMNS) {
        tml_depthwise_conv2d_block(p, source, block, row, column, out + column * p->output.channels);
    }
}

#endif
