/* Convolution with int4 weights: any shape, stride, dilation, padding and number of groups. */
#ifndef TML_CONV2D_S4_H
#define TML_CONV2D_S4_H

#include "tml_conv2d.h"
#include "tml_conv2d_runs.h"
#include "tml_int4.h"

/* Sum of products of one output value. image: the pixel under the window's first column in every row. tap: number of
 * the weight of the first tap inside the image. */
static inline int32_t tml_conv2d_s4_sum(const tml_conv2d *p, const int8_t *image, const tml_window *window,
                                        const tml_conv2d_runs *runs, int32_t tap)
{
    int32_t row = window->row_offset;
    int32_t sum = 0;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        for (int32_t i = 0; i < runs->count; i++) {
            sum += tml_dot_int4(image + row + i * window->column_step, p->input_zero_point, p->weights,
                                tap + i * runs->length, runs->length);
        }
        row = tml_window_next_row(window, row);
        tap += runs->step;
    }
    return sum;
}

/* All output channels of one pixel. */
static TML_NOINLINE void tml_conv2d_s4_pixel(const tml_conv2d *p, const int8_t *input, const tml_window *window,
                                             int8_t *out)
{
    const int32_t depth = p->input.channels / p->groups;
    const int32_t filters = p->output.channels / p->groups;
    const int32_t filter_size = p->kernel_h * p->kernel_w * depth;
    const int32_t joined = p->groups == 1 && p->dilation_w == 1;
    const tml_conv2d_runs runs = tml_conv2d_runs_of(window, p->kernel_w, depth, joined);
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int8_t *image = input + window->column_offset + c / filters * depth;
        const int32_t sum = tml_conv2d_s4_sum(p, image, window, &runs, c * filter_size + runs.first);
        out[c] = tml_conv2d_output(p, sum, c);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_s4(const tml_conv2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                 int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                   p->dilation_w);
            tml_conv2d_s4_pixel(p, input, &window, out + column * p->output.channels);
        }
    }
}

#endif
