/* Depthwise convolution of any window, strides and padding with Helium, one channel at a time.
 *
 * All that later rows read of a channel lies in the line once a row is computed: the output may take over the input's
 * memory where it has its shape, if all rows are asked for at once.
 */
#ifndef TML_DEPTHWISE_CONV2D_LINE_S8__MVE_H
#define TML_DEPTHWISE_CONV2D_LINE_S8__MVE_H

#include "tml_mve_line.h"

/* Bytes of a line at most, with what lies under windows up to a multiple of 8. */
#define TML_DEPTHWISE_CONV2D_LINE_BYTES 512

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    int32_t halves_away;    /* see tml_mve.h */
    int32_t columns;        /* of the image that lie under windows */
    int32_t line_bytes;
    int32_t vectors;        /* of 16 bytes in a window: 1, 2 or 4 */
    const uint8_t *order;   /* [kernel_h][16 * vectors]: see tml_mve_line, by the slot of the first row */
    const int8_t *weights;  /* [channels][16 * vectors]: [kernel_w][kernel_h] of each */
    const int32_t *scaling; /* [channels][3]: bias, multiplier and shift to the left */
} tml_depthwise_conv2d_line;

/* Row t of one channel, t counted from the first row of padding, to its slot. */
static inline void tml_depthwise_conv2d_line_load(const tml_depthwise_conv2d_line *p, const int8_t *input,
                                                  int32_t channel, int32_t t, int8_t *line)
{
    const int32_t y = t - p->pad_top;
    int8_t *const to = line + p->pad_left * p->kernel_h + t % p->kernel_h;
    if (y >= 0 && y < p->input.height) {
        tml_mve_line_load(to, p->kernel_h, tml_row(input, &p->input, y) + channel, p->input.channels, p->columns);
    } else {
        tml_mve_line_set(to, p->kernel_h, p->input_zero_point, p->columns);
    }
}

/* Output rows [row_begin, row_end) of one channel. The line's columns of padding are set. */
static TML_NOINLINE void tml_depthwise_conv2d_line_channel(const tml_depthwise_conv2d_line *p, const int8_t *input,
                                                           int8_t *output, int32_t channel, int32_t row_begin,
                                                           int32_t row_end, int8_t *memory)
{
    tml_mve_line line = {
        .line = memory,
        .step = p->stride_w * p->kernel_h,
        .weights = p->weights + channel * 16 * p->vectors,
        .columns = p->output.width,
        .channels = p->output.channels,
        .scaling = p->scaling + channel * 3,
        .zero_point = p->output_zero_point,
        .halves_away = p->halves_away,
    };
    int32_t held = row_begin * p->stride_h;
    for (int32_t row = row_begin; row < row_end; row++) {
        const int32_t first = row * p->stride_h;
        for (held = tml_max(held, first); held < first + p->kernel_h; held++) {
            tml_depthwise_conv2d_line_load(p, input, channel, held, memory);
        }
        line.order = p->order + first % p->kernel_h * 16 * p->vectors;
        line.out = tml_row_out(output, &p->output, row) + channel;
        tml_mve_filter_line(&line, p->vectors);
    }
}

/* Output rows [row_begin, row_end), channel by channel. */
static TML_NOINLINE void tml_depthwise_conv2d_line_rows(const tml_depthwise_conv2d_line *p, const int8_t *input,
                                                        int8_t *output, int32_t row_begin, int32_t row_end)
{
    int8_t line[TML_DEPTHWISE_CONV2D_LINE_BYTES];
    tml_mve_fill(line, p->input_zero_point, p->line_bytes);
    for (int32_t channel = 0; channel < p->input.channels; channel++) {
        tml_depthwise_conv2d_line_channel(p, input, output, channel, row_begin, row_end, line);
    }
    const int32_t clamps = p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX;
    for (int32_t row = row_begin; clamps && row < row_end; row++) {
        tml_mve_clamp(tml_row_out(output, &p->output, row), p->output.width * p->output.channels, p->clamp_low,
                      p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_line_s8__mve(const tml_depthwise_conv2d_line *p, const int8_t *input,
                                                     int8_t *output, int32_t row_begin, int32_t row_end)
{
    tml_depthwise_conv2d_line_rows(p, input, output, row_begin, row_end);
}

#endif
