/* Depthwise convolution with int4 weights: any shape, stride, dilation, padding and depth multiplier.
 *
 * It goes tap by tap over a block of channels: neighbours in memory, of the image and (but for the multiplier) of the
 * weights.
 */
#ifndef TML_DEPTHWISE_CONV2D_S4_H
#define TML_DEPTHWISE_CONV2D_S4_H

#include "tml_depthwise_conv2d.h"
#include "tml_int4.h"
#include "tml_window.h"

/* Adds one tap's products to the sums of `count` channels. weight: the number of the first one's. */
static inline void tml_depthwise_conv2d_s4_tap(const tml_depthwise_conv2d *p, const int8_t *pixel, int32_t weight,
                                               int32_t count, int32_t *sums)
{
    for (int32_t c = 0; c < count; c++) {
        const int32_t tap = tml_int4(p->weights, weight + c * p->depth_multiplier);
        sums[c] += (pixel[c] - p->input_zero_point) * tap;
    }
}

/* One pixel of `count` output channels from `channel` on, a depth multiplier apart. image: the first of their input
 * channels in the pixel under the window's first column in every row. */
static TML_NOINLINE void tml_depthwise_conv2d_s4_block(const tml_depthwise_conv2d *p, const int8_t *image,
                                                       const tml_window *window, int32_t channel, int32_t count,
                                                       int8_t *out)
{
    int32_t sums[TML_DEPTHWISE_CONV2D_BLOCK] = {0};
    int32_t row = window->row_offset;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const int8_t *pixel = image + row;
        for (int32_t kx = window->columns.begin; kx < window->columns.end; kx++) {
            const int32_t weight = (ky * p->kernel_w + kx) * p->output.channels + channel;
            tml_depthwise_conv2d_s4_tap(p, pixel, weight, count, sums);
            pixel += window->column_step;
        }
        row = tml_window_next_row(window, row);
    }
    for (int32_t c = 0; c < count; c++) {
        const int32_t o = channel + c * p->depth_multiplier;
        out[o] = tml_depthwise_conv2d_output(p, sums[c], o);
    }
}

/* All output channels of one pixel. */
static inline void tml_depthwise_conv2d_s4_pixel(const tml_depthwise_conv2d *p, const int8_t *input,
                                                 const tml_window *window, int8_t *out)
{
    const int8_t *image = input + window->column_offset;
    for (int32_t i = 0; i < p->depth_multiplier; i++) {
        for (int32_t c = 0; c < p->input.channels; c += TML_DEPTHWISE_CONV2D_BLOCK) {
            const int32_t count = tml_min(p->input.channels - c, TML_DEPTHWISE_CONV2D_BLOCK);
            tml_depthwise_conv2d_s4_block(p, image + c, window, c * p->depth_multiplier + i, count, out);
        }
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_s4(const tml_depthwise_conv2d *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_window window;
        tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                   p->dilation_w);
            tml_depthwise_conv2d_s4_pixel(p, input, &window, out + column * p->output.channels);
        }
    }
}

#endif
