/* Parameters of the depthwise convolutions with the DSP extension, and what they share: blocks of 4 channels and
 * TML_DSP_COLUMNS columns of an output row, widened with zero points where the image ends, so that no tap is tested. */
#ifndef TML_DEPTHWISE_CONV2D_BLOCKS_H
#define TML_DEPTHWISE_CONV2D_BLOCKS_H

#include "tml_copy.h"
#include "tml_dsp_depthwise.h"

/* Image columns under a block of output columns. */
#define TML_DEPTHWISE_CONV2D_BLOCK_COLUMNS 18

/* Rows of taps at most. */
#define TML_DEPTHWISE_CONV2D_BLOCK_ROWS 8

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
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    const int32_t *weights; /* [blocks][kernel_h * kernel_w]: see tml_dsp_depthwise.h; or of tml_dsp_column */
    const int32_t *scaling; /* [blocks][4][2]: see tml_dsp_channels. The last block ends with the last channel */
} tml_depthwise_conv2d_blocks;

/* What lies under a block of output columns. */
typedef struct {
    int32_t count; /* of output columns, at most TML_DSP_COLUMNS */
    int32_t first; /* image column: the first inside the image, */
    int32_t left;  /* with so many before it, */
    int32_t inside;
    int32_t right;
    int32_t zeros;
    int32_t channel; /* the first of the rows' pixels */
    int32_t written; /* channels of the block that are not to be written again: 0 unless the output is the input */
    tml_dsp_line rows[TML_DEPTHWISE_CONV2D_BLOCK_ROWS]; /* from `first` on, or zero points where step is 0 */
} tml_depthwise_conv2d_window;

/* Everything but the rows, which are set to zero points. */
static inline void tml_depthwise_conv2d_window_set(const tml_depthwise_conv2d_blocks *p, int32_t column,
                                                   int32_t channel, tml_depthwise_conv2d_window *window)
{
    const int32_t count = tml_min(p->output.width - column, TML_DSP_COLUMNS);
    const int32_t first = column * p->stride_w - p->pad_left;
    const int32_t columns = (count - 1) * p->stride_w + p->kernel_w;
    const int32_t left = tml_clamp(-first, 0, columns);
    window->count = count;
    window->channel = channel;
    window->written = 0;
    window->left = left;
    window->first = first + left;
    window->right = tml_clamp(first + columns - p->input.width, 0, columns - left);
    window->inside = columns - left - window->right;
    window->zeros = (int32_t)((uint32_t)(uint8_t)p->input_zero_point * 0x01010101u);
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        window->rows[ky] = (tml_dsp_line){(const int8_t *)&window->zeros, 0};
    }
}

/* The line of another channel: zero points serve all. */
static inline tml_dsp_line tml_depthwise_conv2d_line_at(tml_dsp_line row, int32_t offset)
{
    row.at += row.step != 0 ? offset : 0;
    return row;
}

/* Zero points in the columns of x that lie outside the image; they stay while blocks and rows of taps come and go. */
static inline void tml_depthwise_conv2d_surround(const tml_depthwise_conv2d_window *window, int32_t *x)
{
    const tml_dsp_line zeros = {(const int8_t *)&window->zeros, 0};
    if (window->left > 0) {
        tml_dsp_widen_row(x, zeros, window->left);
    }
    if (window->right > 0) {
        tml_dsp_widen_row(x + (window->left + window->inside) * 4, zeros, window->right);
    }
}

/* Widens what lies inside the image under the taps ky and, where there is such a row, ky + 1. */
static inline void tml_depthwise_conv2d_widen(const tml_depthwise_conv2d_blocks *p,
                                              const tml_depthwise_conv2d_window *window, int32_t ky, int32_t channel,
                                              int32_t *x)
{
    const int32_t offset = channel - window->channel;
    const tml_dsp_line upper = tml_depthwise_conv2d_line_at(window->rows[ky], offset);
    if (window->inside > 0 && ky + 1 < p->kernel_h) {
        const tml_dsp_line lower = tml_depthwise_conv2d_line_at(window->rows[ky + 1], offset);
        tml_dsp_widen_rows(x + window->left * 4, upper, lower, window->inside);
    } else if (window->inside > 0) {
        tml_dsp_widen_row(x + window->left * 4, upper, window->inside);
    }
}

/* The first channel of a block: the last block ends with the last channel, and may begin with some of the one before. */
static inline int32_t tml_depthwise_conv2d_channel(const tml_depthwise_conv2d_blocks *p, int32_t block)
{
    return tml_min(block * 4, p->input.channels - 4);
}

/* A block of channels: the values of a window's columns to their places in the output. */
static inline void tml_depthwise_conv2d_write(const tml_depthwise_conv2d_blocks *p,
                                              const tml_depthwise_conv2d_window *window, int8_t *values, int8_t *out)
{
    const int32_t written = window->written;
    const int32_t step = p->output.channels;
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_clamp_all(values, 4 * window->count, p->clamp_low, p->clamp_high);
    }
    if (written > 0) {
        for (int32_t i = 0; i < window->count; i++) {
            tml_copy(out + i * step + written, values + 4 * i + written, 4 - written);
        }
        return;
    }
    for (int32_t left = window->count; left > 0; left--) {
        tml_dsp_copy_word(out, values);
        values += 4;
        out += step;
    }
}

/* Blocks of channels [block, block_end) of the output columns over a window; `out`: the first one's channel 0. */
static TML_NOINLINE void tml_depthwise_conv2d_any(const tml_depthwise_conv2d_blocks *p,
                                                  const tml_depthwise_conv2d_window *window, int32_t block,
                                                  int32_t block_end, int8_t *out)
{
    const int32_t columns = window->count <= TML_DSP_COLUMNS / 2 ? TML_DSP_COLUMNS / 2 : TML_DSP_COLUMNS;
    int32_t x[TML_DEPTHWISE_CONV2D_BLOCK_COLUMNS * 4];
    int32_t sums[4 * TML_DSP_COLUMNS];
    _Alignas(4) int8_t values[TML_DSP_COLUMNS * 4];
    tml_dsp_channels t = {
        .x = x,
        .weights = p->weights + block * p->kernel_h * p->kernel_w,
        .x_end = x + 4,
        .sums_end = sums + 4 * columns,
        .rest = p->kernel_w & 3,
        .row_bytes = 16 * (p->kernel_w & ~1),
        .scaling = p->scaling + block * 8,
        .out = values,
        .x_fours = x + 4 * (p->kernel_w & ~3),
        .zero = 2 * p->output_zero_point + 1,
    };
    tml_depthwise_conv2d_surround(window, x);
    for (; block < block_end; block++) {
        const int32_t channel = tml_depthwise_conv2d_channel(p, block);
        tml_dsp_clear(sums);
        for (int32_t ky = 0; ky < p->kernel_h; ky += 2) {
            t.sums = sums;
            tml_depthwise_conv2d_widen(p, window, ky, channel, x);
            if (ky + 1 < p->kernel_h) {
                tml_dsp_two_rows(&t, columns, p->stride_w);
            } else {
                tml_dsp_one_row(&t, columns, p->stride_w);
            }
        }
        t.sums = sums;
        if (columns < TML_DSP_COLUMNS) {
            tml_dsp_store_few_columns(&t);
        } else {
            tml_dsp_store_columns(&t);
        }
        t.scaling += 8;
        tml_depthwise_conv2d_write(p, window, values, out + channel);
    }
}

/* The same for 3 x 3 taps. stride: stride_w. */
static TML_NOINLINE void tml_depthwise_conv2d_3x3(const tml_depthwise_conv2d_blocks *p,
                                                  const tml_depthwise_conv2d_window *window, int32_t block,
                                                  int32_t block_end, int8_t *out, int32_t stride)
{
    const int32_t columns = window->count <= TML_DSP_COLUMNS / 2 ? TML_DSP_COLUMNS / 2 : TML_DSP_COLUMNS;
    int32_t x[TML_DSP_PITCH * 8];
    _Alignas(4) int8_t values[TML_DSP_COLUMNS * 4];
    tml_dsp_channels t;
    t.weights = p->weights + block * 9;
    t.scaling = p->scaling + block * 8;
    t.zero = 2 * p->output_zero_point + 1;
    tml_depthwise_conv2d_surround(window, x);
    tml_depthwise_conv2d_surround(window, x + TML_DSP_PITCH * 4);
    for (; block < block_end; block++) {
        const int32_t channel = tml_depthwise_conv2d_channel(p, block);
        const int32_t offset = channel - window->channel;
        if (window->inside > 0) {
            tml_dsp_widen_rows(x + window->left * 4, tml_depthwise_conv2d_line_at(window->rows[0], offset),
                               tml_depthwise_conv2d_line_at(window->rows[1], offset), window->inside);
            tml_dsp_widen_row(x + (TML_DSP_PITCH + window->left) * 4,
                              tml_depthwise_conv2d_line_at(window->rows[2], offset), window->inside);
        }
        t.x = x;
        t.out = values;
        tml_dsp_windows_of_3(&t, columns, stride);
        tml_depthwise_conv2d_write(p, window, values, out + channel);
    }
}

/* three: stride_w where windows are 3 x 3 taps, 0 for all others. Every kernel says it by a constant, so that compilers
 * take out what a model does not need. */
static inline void tml_depthwise_conv2d_columns(const tml_depthwise_conv2d_blocks *p,
                                                const tml_depthwise_conv2d_window *window, int32_t block,
                                                int32_t block_end, int8_t *out, int32_t three)
{
    if (three > 0) {
        tml_depthwise_conv2d_3x3(p, window, block, block_end, out, three);
    } else {
        tml_depthwise_conv2d_any(p, window, block, block_end, out);
    }
}

#endif
