/* Reference depthwise convolution: any shape, stride, dilation, padding and depth multiplier.
 *
 * Without a multiplier it goes tap by tap over TML_DEPTHWISE_CONV2D_LANES channels, neighbours in memory, whose sums stay
 * in registers.
 */
#ifndef TML_DEPTHWISE_CONV2D_S8_H
#define TML_DEPTHWISE_CONV2D_S8_H

#include "tml_depthwise_conv2d.h"
#include "tml_window.h"

#define TML_DEPTHWISE_CONV2D_LANES 4

/* One pixel of TML_DEPTHWISE_CONV2D_LANES output channels from `channel` on, with a depth multiplier of 1. image: the first
 * of their input channels in the pixel under the window's first column in every row. */
static inline void tml_depthwise_conv2d_s8_lanes(const tml_depthwise_conv2d *p, const int8_t *image,
                                                       const tml_window *window, int32_t channel, int8_t *out)
{
    const int32_t zero_point = p->input_zero_point;
    const int32_t channels = p->output.channels;
    int32_t sums[TML_DEPTHWISE_CONV2D_LANES] = {0};
    int32_t row = window->row_offset;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixel = image + row;
        const int8_t *weights = p->weights + (ky * p->kernel_w + window->columns.begin) * channels + channel;
        for (int32_t taps = window->columns.end - window->columns.begin; taps > 0; taps--) {
            sums[0] += (pixel[0] - zero_point) * weights[0];
            sums[1] += (pixel[1] - zero_point) * weights[1];
            sums[2] += (pixel[2] - zero_point) * weights[2];
            sums[3] += (pixel[3] - zero_point) * weights[3];
            pixel += window->column_step;
            weights += channels;
        }
        row = tml_window_next_row(window, row);
    }
    for (int32_t c = 0; c < TML_DEPTHWISE_CONV2D_LANES; c++) {
        out[channel + c] = tml_depthwise_conv2d_output(p, sums[c], channel + c);
    }
}

/* The same for one output channel. */
static inline void tml_depthwise_conv2d_s8_lane(const tml_depthwise_conv2d *p, const int8_t *image,
                                                      const tml_window *window, int32_t channel, int8_t *out)
{
    int32_t sum = 0;
    int32_t row = window->row_offset;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixel = image + row;
        for (int32_t kx = window->columns.begin; kx < window->columns.end; kx++) {
            sum += (*pixel - p->input_zero_point) * p->weights[(ky * p->kernel_w + kx) * p->output.channels + channel];
            pixel += window->column_step;
        }
        row = tml_window_next_row(window, row);
    }
    out[channel] = tml_depthwise_conv2d_output(p, sum, channel);
}

/* All output channels of one pixel. */
static TML_NOINLINE void tml_depthwise_conv2d_s8_pixel(const tml_depthwise_conv2d *p, const int8_t *input,
                                                 const tml_window *window, int8_t *out)
{
    const int8_t *image = input + window->column_offset;
    int32_t c = 0;
    for (; c + TML_DEPTHWISE_CONV2D_LANES <= p->output.channels && p->depth_multiplier == 1;
         c += TML_DEPTHWISE_CONV2D_LANES) {
        tml_depthwise_conv2d_s8_lanes(p, image + c, window, c, out);
    }
    for (; c < p->output.channels; c++) {
        tml_depthwise_conv2d_s8_lane(p, image + c / p->depth_multiplier, window, c, out);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_s8(const tml_depthwise_conv2d *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                   p->dilation_w);
            tml_depthwise_conv2d_s8_pixel(p, input, &window, out + column * p->output.channels);
        }
    }
}

#endif
