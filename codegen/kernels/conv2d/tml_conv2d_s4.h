/* Convolution with int4 weights: any shape, stride, dilation, padding and number of groups.
 *
 * A filter is unpacked once, and used for every pixel of the rows that are asked for.
 */
#ifndef TML_CONV2D_S4_H
#define TML_CONV2D_S4_H

#include "tml_conv2d_s8.h"
#include "tml_int4.h"

/* One output channel of one pixel. image: the first input channel of its group, in the first row held. */
static TML_NOINLINE int8_t tml_conv2d_s4_value(const tml_conv2d *p, const int8_t *image, const tml_window *window,
                                               const int8_t *filter, int32_t channel)
{
    const int32_t joined = p->groups == 1 && p->dilation_w == 1;
    const int32_t depth = p->input.channels / p->groups;
    const tml_conv2d_runs runs = tml_conv2d_runs_of(window, p->kernel_h, p->kernel_w, depth, joined);
    const int32_t sum = tml_conv2d_s8_sum(image + window->column_offset, p->input_zero_point, filter, window, &runs);
    return tml_conv2d_output(p, sum, channel);
}

/* Output rows [row_begin, row_end). scratch: one filter. */
static inline void tml_conv2d_s4(const tml_conv2d *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                 int32_t row_end, void *scratch)
{
    const int32_t depth = p->input.channels / p->groups;
    const int32_t filters = p->output.channels / p->groups;
    const int32_t filter_size = p->kernel_h * p->kernel_w * depth;
    int8_t *const filter = scratch;
    for (int32_t c = 0; c < p->output.channels; c++) {
        const int8_t *image = input + c / filters * depth;
        tml_int4_unpack(p->weights, c * filter_size, filter_size, filter);
        for (int32_t row = row_begin; row < row_end; row++) {
            int8_t *out = tml_row_out(output, &p->output, row) + c;
            tml_window window;
            tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
            for (int32_t column = 0; column < p->output.width; column++) {
                tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                       p->dilation_w);
                out[column * p->output.channels] = tml_conv2d_s4_value(p, image, &window, filter, c);
            }
        }
    }
}

#endif
