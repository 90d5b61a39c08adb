/* Convolution of int16 activations: any shape, stride, dilation, padding and number of groups. */
#ifndef TML_CONV2D_S16_H
#define TML_CONV2D_S16_H

#include "tml_conv2d_runs.h"
#include "tml_wide.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t groups;
    const int8_t *weights; /* [output.channels][kernel_h][kernel_w][input.channels / groups] */
    tml_wide wide;
} tml_conv2d_wide;

/* Sum of products of one output value. channel: of the pixel under the window's first column in every row. */
static inline int64_t tml_conv2d_s16_sum(const int8_t *input, int32_t channel, const int8_t *filter,
                                         const tml_window *window, const tml_conv2d_runs *runs)
{
    int32_t row = window->row_offset;
    int32_t tap = runs->first;
    int64_t sum = 0;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const tml_s16 *image = (const tml_s16 *)(const void *)(input + row) + channel;
        for (int32_t i = 0; i < runs->count; i++) {
            sum += tml_dot_s16(image + i * window->column_step, filter + tap + i * runs->length, runs->length);
        }
        row = tml_window_next_row(window, row);
        tap += runs->step;
    }
    return sum;
}

/* All output channels of one pixel. */
static TML_NOINLINE void tml_conv2d_s16_pixel(const tml_conv2d_wide *p, const int8_t *input, const tml_window *window,
                                              tml_s16 *out)
{
    const int32_t depth = p->input.channels / p->groups;
    const int32_t filters = p->output.channels / p->groups;
    const int32_t filter_size = p->kernel_h * p->kernel_w * depth;
    const int32_t joined = p->groups == 1 && p->dilation_w == 1;
    const tml_conv2d_runs runs = tml_conv2d_runs_of(window, p->kernel_h, p->kernel_w, depth, joined);
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int32_t channel = window->column_offset + c / filters * depth;
        TML_COUNT_MACS(filter_size);
        const int64_t sum = tml_conv2d_s16_sum(input, channel, p->weights + c * filter_size, window, &runs);
        out[c] = tml_wide_output(&p->wide, sum, c);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_s16(const tml_conv2d_wide *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                  int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        tml_window window;
        tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                   p->dilation_w);
            tml_conv2d_s16_pixel(p, input, &window, out + column * p->output.channels);
        }
    }
}

#endif
