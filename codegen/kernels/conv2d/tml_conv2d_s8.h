/* Reference convolution: any shape, stride, dilation, padding and number of groups. */
#ifndef TML_CONV2D_S8_H
#define TML_CONV2D_S8_H

#include "tml_conv2d.h"
#include "tml_conv2d_runs.h"

/* Sums of products of TML_FILTERS output values, each row of taps one run. image: the pixel under the window's first
 * column in every row. */
static TML_NOINLINE void tml_conv2d_s8_sums(const int8_t *image, int32_t zero_point, const int8_t *filters,
                                            const tml_window *window, const tml_conv2d_runs *runs, int32_t *sums)
{
    int32_t held[TML_FILTERS] = {0}; /* in registers, unlike what a pointer leads to */
    const int32_t length = runs->length;
    const int8_t *taps = filters + runs->first;
    int32_t row = window->row_offset;
    for (int32_t rows = window->rows.end - window->rows.begin; rows > 0; rows--) {
        tml_dot_filters(image + row, zero_point, taps, runs->filter, length, held);
        row = tml_window_next_row(window, row);
        taps += runs->step;
    }
    for (int32_t i = 0; i < TML_FILTERS; i++) {
        sums[i] = held[i];
    }
}

/* Sum of products of one output value. */
static inline int32_t tml_conv2d_s8_sum(const int8_t *image, int32_t zero_point, const int8_t *filter,
                                        const tml_window *window, const tml_conv2d_runs *runs)
{
    int32_t row = window->row_offset;
    const int8_t *taps = filter + runs->first;
    int32_t sum = 0;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        for (int32_t i = 0; i < runs->count; i++) {
            sum += tml_dot(image + row + i * window->column_step, zero_point, taps + i * runs->length, runs->length);
        }
        row = tml_window_next_row(window, row);
        taps += runs->step;
    }
    return sum;
}

/* The output channels [channel, end) of one pixel, which lie in one group. image: the group's first channel in the pixel
 * under the window's first column in every row. */
static TML_NOINLINE void tml_conv2d_s8_pixel(const tml_conv2d *p, const int8_t *image, const tml_window *window,
                                             int32_t channel, int32_t end, int8_t *out)
{
    const int32_t depth = p->input.channels / p->groups;
    const int32_t zero_point = p->input_zero_point;
    const int32_t joined = p->groups == 1 && p->dilation_w == 1;
    const tml_conv2d_runs runs = tml_conv2d_runs_of(window, p->kernel_h, p->kernel_w, depth, joined);
    const int8_t *filter = p->weights + channel * runs.filter;
    int32_t c = channel;
    for (; c + TML_FILTERS <= end && runs.count == 1; c += TML_FILTERS) {
        int32_t sums[TML_FILTERS];
        tml_conv2d_s8_sums(image, zero_point, filter, window, &runs, sums);
        tml_conv2d_outputs(p, sums, c, out);
        filter += TML_FILTERS * runs.filter;
    }
    for (; c < end; c++) {
        out[c] = tml_conv2d_output(p, tml_conv2d_s8_sum(image, zero_point, filter, window, &runs), c);
        filter += runs.filter;
    }
}

/* All output channels of one pixel. */
static inline void tml_conv2d_s8_groups(const tml_conv2d *p, const int8_t *input, const tml_window *window,
                                        int8_t *out)
{
    const int32_t depth = p->input.channels / p->groups;
    const int32_t filters = p->output.channels / p->groups;
    const int8_t *image = input + window->column_offset;
    for (int32_t group = 0; group < p->groups; group++) {
        tml_conv2d_s8_pixel(p, image, window, group * filters, (group + 1) * filters, out);
        image += depth;
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_s8(const tml_conv2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                 int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                   p->dilation_w);
            tml_conv2d_s8_groups(p, input, &window, out + column * p->output.channels);
        }
    }
}

#endif
