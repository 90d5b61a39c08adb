/* Depthwise convolution of int16 activations: any shape, stride, dilation, padding and depth multiplier.
 *
 * It goes tap by tap over a block of channels, as tml_depthwise_conv2d_s8 does.
 */
#ifndef TML_DEPTHWISE_CONV2D_S16_H
#define TML_DEPTHWISE_CONV2D_S16_H

#include "tml_wide.h"
#include "tml_window.h"

/* Output values whose sums are kept side by side: 8 bytes of stack each. */
#define TML_DEPTHWISE_CONV2D_WIDE_BLOCK 8

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
    int32_t depth_multiplier; /* output.channels / input.channels: output channel o reads input channel o / this */
    const int8_t *weights;    /* [kernel_h][kernel_w][output.channels] */
    tml_wide wide;
} tml_depthwise_conv2d_wide;

/* Adds one tap's products to the sums of `count` channels. */
static inline void tml_depthwise_conv2d_s16_tap(const tml_depthwise_conv2d_wide *p, const tml_s16 *pixel,
                                                const int8_t *weights, int32_t count, int64_t *sums)
{
    for (int32_t c = 0; c < count; c++) {
        sums[c] += pixel[c] * weights[c * p->depth_multiplier];
    }
}

/* One pixel of `count` output channels from `channel` on, a depth multiplier apart. first: of their input channels, in
 * the pixel under the window's first column in every row. */
static TML_NOINLINE void tml_depthwise_conv2d_s16_block(const tml_depthwise_conv2d_wide *p, const int8_t *input,
                                                        int32_t first, const tml_window *window, int32_t channel,
                                                        int32_t count, tml_s16 *out)
{
    int64_t sums[TML_DEPTHWISE_CONV2D_WIDE_BLOCK] = {0};
    int32_t row = window->row_offset;
    for (int32_t ky = window->rows.begin; ky < window->rows.end; ky++) {
        const tml_s16 *pixel = (const tml_s16 *)(const void *)(input + row) + first;
        for (int32_t kx = window->columns.begin; kx < window->columns.end; kx++) {
            const int8_t *weights = p->weights + (ky * p->kernel_w + kx) * p->output.channels + channel;
            tml_depthwise_conv2d_s16_tap(p, pixel, weights, count, sums);
            pixel += window->column_step;
        }
        row = tml_window_next_row(window, row);
    }
    for (int32_t c = 0; c < count; c++) {
        const int32_t o = channel + c * p->depth_multiplier;
        TML_COUNT_MACS(p->kernel_h * p->kernel_w);
        out[o] = tml_wide_output(&p->wide, sums[c], o);
    }
}

/* All output channels of one pixel. */
static inline void tml_depthwise_conv2d_s16_pixel(const tml_depthwise_conv2d_wide *p, const int8_t *input,
                                                  const tml_window *window, tml_s16 *out)
{
    for (int32_t i = 0; i < p->depth_multiplier; i++) {
        for (int32_t c = 0; c < p->input.channels; c += TML_DEPTHWISE_CONV2D_WIDE_BLOCK) {
            const int32_t count = tml_min(p->input.channels - c, TML_DEPTHWISE_CONV2D_WIDE_BLOCK);
            tml_depthwise_conv2d_s16_block(p, input, window->column_offset + c, window,
                                           c * p->depth_multiplier + i, count, out);
        }
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_s16(const tml_depthwise_conv2d_wide *p, const int8_t *input, int8_t *output,
                                            int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_s16 *out = tml_row_out_s16(output, &p->output, row);
        tml_window window;
        tml_window_set_rows(&window, &p->input, row * p->stride_h - p->pad_top, p->kernel_h, p->dilation_h);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_window_set_columns(&window, &p->input, column * p->stride_w - p->pad_left, p->kernel_w,
                                   p->dilation_w);
            tml_depthwise_conv2d_s16_pixel(p, input, &window, out + column * p->output.channels);
        }
    }
}

#endif
