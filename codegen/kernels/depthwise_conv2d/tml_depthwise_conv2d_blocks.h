/* Parameters of the depthwise convolutions with the DSP extension, and what they share: blocks of 4 channels and
 * TML_DSP_COLUMNS columns of an output row, widened with zero points where the image ends, so that no tap is tested. */
#ifndef TML_DEPTHWISE_CONV2D_BLOCKS_H
#define TML_DEPTHWISE_CONV2D_BLOCKS_H

#include "tml_copy.h"
#include "tml_dsp_depthwise.h"

/* Image columns under a block of output columns, taps rounded up to an even number. */
#define TML_DEPTHWISE_CONV2D_BLOCK_COLUMNS 20

/* Rows of taps at most. */
#define TML_DEPTHWISE_CONV2D_BLOCK_ROWS 16

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
    const int32_t *scaling; /* [blocks][4][4]: see tml_dsp_channels. The last block ends with the last channel */
} tml_depthwise_conv2d_blocks;

/* The image rows under the taps of an output row: from column 0 on, or pixels of the zero point where step is 0. */
typedef struct {
    int32_t zeros;
    tml_dsp_line lines[TML_DEPTHWISE_CONV2D_BLOCK_ROWS];
} tml_depthwise_conv2d_rows;

static inline void tml_depthwise_conv2d_clear(const tml_depthwise_conv2d_blocks *p, tml_depthwise_conv2d_rows *rows)
{
    rows->zeros = (int32_t)((uint32_t)(uint8_t)p->input_zero_point * 0x01010101u);
}

static inline tml_dsp_line tml_depthwise_conv2d_zeros(const tml_depthwise_conv2d_rows *rows)
{
    const tml_dsp_line line = {(const int8_t *)&rows->zeros, 0};
    return line;
}

/* The line `pixels` and `channel` further on. */
static inline tml_dsp_line tml_depthwise_conv2d_from(tml_dsp_line line, int32_t pixels, int32_t channel)
{
    if (line.step != 0) {
        line.at += pixels * line.step + channel;
    }
    return line;
}

/* Image columns under a block of output columns. */
typedef struct {
    int32_t first; /* inside the image */
    int32_t left;  /* how many before that */
    int32_t inside;
    int32_t right;
} tml_depthwise_conv2d_span;

static inline tml_depthwise_conv2d_span tml_depthwise_conv2d_span_of(const tml_depthwise_conv2d_blocks *p,
                                                                     int32_t column, int32_t count)
{
    const int32_t first = column * p->stride_w - p->pad_left;
    const int32_t columns = (count - 1) * p->stride_w + p->kernel_w;
    const int32_t left = tml_clamp(-first, 0, columns);
    const int32_t right = tml_clamp(first + columns - p->input.width, 0, columns - left);
    const tml_depthwise_conv2d_span span = {first + left, left, columns - left - right, right};
    return span;
}

/* Widens a span of the rows under the taps ky and, where there is such a one, ky + 1. */
static inline void tml_depthwise_conv2d_widen(const tml_depthwise_conv2d_blocks *p,
                                              const tml_depthwise_conv2d_rows *rows, int32_t ky, int32_t channel,
                                              const tml_depthwise_conv2d_span *span, int32_t *x)
{
    if (span->left > 0) {
        x = tml_dsp_widen_row(x, tml_depthwise_conv2d_zeros(rows), span->left);
    }
    if (span->inside > 0) {
        const tml_dsp_line upper = tml_depthwise_conv2d_from(rows->lines[ky], span->first, channel);
        if (ky + 1 < p->kernel_h) {
            const tml_dsp_line lower = tml_depthwise_conv2d_from(rows->lines[ky + 1], span->first, channel);
            x = tml_dsp_widen_rows(x, upper, lower, span->inside);
        } else {
            x = tml_dsp_widen_row(x, upper, span->inside);
        }
    }
    if (span->right > 0) {
        tml_dsp_widen_row(x, tml_depthwise_conv2d_zeros(rows), span->right);
    }
}

/* Adds the products of two rows of taps. */
static inline void tml_depthwise_conv2d_taps(const tml_depthwise_conv2d_blocks *p, tml_dsp_channels *t, int32_t few)
{
    if (few) {
        if (p->stride_w == 1) {
            tml_dsp_taps_any_few(t);
        } else {
            tml_dsp_taps_any_few_by_2(t);
        }
    } else if (p->kernel_w == 3) {
        if (p->stride_w == 1) {
            tml_dsp_taps_3(t);
        } else {
            tml_dsp_taps_3_by_2(t);
        }
    } else if (p->stride_w == 1) {
        tml_dsp_taps_any(t);
    } else {
        tml_dsp_taps_any_by_2(t);
    }
}

/* Output columns from `column` on of a block of channels; `out` is the first's place. */
static TML_NOINLINE void tml_depthwise_conv2d_block(const tml_depthwise_conv2d_blocks *p,
                                                    const tml_depthwise_conv2d_rows *rows, int32_t block,
                                                    int32_t channel, int32_t column, int8_t *out)
{
    const int32_t count = tml_min(p->output.width - column, TML_DSP_COLUMNS);
    const int32_t few = count <= TML_DSP_COLUMNS / 2;
    const int32_t pairs = (p->kernel_w + 1) / 2;
    const tml_depthwise_conv2d_span span = tml_depthwise_conv2d_span_of(p, column, count);
    int32_t x[TML_DEPTHWISE_CONV2D_BLOCK_COLUMNS * 4];
    int32_t sums[4 * TML_DSP_COLUMNS];
    int8_t values[TML_DSP_COLUMNS * 4];
    tml_dsp_channels t = {
        .x = x,
        .x_end = x + 4,
        .sums = sums,
        .sums_end = sums + (few ? 2 * TML_DSP_COLUMNS : 4 * TML_DSP_COLUMNS),
        .weights = p->weights + block * ((p->kernel_h + 1) / 2) * 4 * pairs,
        .pairs = pairs,
        .row_bytes = 32 * pairs,
        .scaling = p->scaling + block * 16,
        .out = values,
    };
    tml_dsp_clear(sums);
    for (int32_t ky = 0; ky < p->kernel_h; ky += 2) {
        tml_depthwise_conv2d_widen(p, rows, ky, channel, &span, x);
        tml_depthwise_conv2d_taps(p, &t, few);
        t.sums = sums;
    }
    if (few) {
        tml_dsp_store_few_columns(&t);
    } else {
        tml_dsp_store_columns(&t);
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(values, 4 * count, p->clamp_low, p->clamp_high);
    }
    for (int32_t i = 0; i < count; i++) {
        tml_dsp_copy_word(out, values + 4 * i);
        out += p->output.channels;
    }
}

/* A block of channels of one output row; `out` is the place of the first in the row's first pixel. */
static inline void tml_depthwise_conv2d_block_row(const tml_depthwise_conv2d_blocks *p,
                                                  const tml_depthwise_conv2d_rows *rows, int32_t block,
                                                  int32_t channel, int8_t *out)
{
    for (int32_t column = 0; column < p->output.width; column += TML_DSP_COLUMNS) {
        tml_depthwise_conv2d_block(p, rows, block, channel, column, out + column * p->output.channels);
    }
}

#endif
