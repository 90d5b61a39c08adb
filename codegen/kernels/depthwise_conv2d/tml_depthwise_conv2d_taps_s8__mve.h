/* Depthwise convolution of any window, strides and padding with Helium: 16 channels or more, a pixel at a time. */
#ifndef TML_DEPTHWISE_CONV2D_TAPS_S8__MVE_H
#define TML_DEPTHWISE_CONV2D_TAPS_S8__MVE_H

#include "tml_depthwise_conv2d_lanes.h"

/* Taps at most. */
#define TML_DEPTHWISE_CONV2D_TAPS 64

/* What lies under the taps of a window, those outside the image on zero points. */
static inline void tml_depthwise_conv2d_taps_at(const tml_depthwise_conv2d_lanes *p, const int8_t *input, int32_t row,
                                                int32_t column, const int8_t **at)
{
    const int32_t left = column * p->stride_w - p->pad_left;
    const int32_t top = row * p->stride_h - p->pad_top;
    const int32_t begin = tml_max(-left, 0);
    const int32_t end = tml_min(p->input.width - left, p->kernel_w);
    const int32_t first = tml_max(-top, 0);
    const int32_t last = tml_min(p->input.height - top, p->kernel_h);
    if (begin > 0 || first > 0 || end < p->kernel_w || last < p->kernel_h) {
        for (int32_t i = 0; i < p->taps; i++) {
            at[i] = p->zeros;
        }
    }
    at += first * p->kernel_w;
    for (int32_t ky = first; ky < last; ky++) {
        const int8_t *x = tml_row(input, &p->input, top + ky) + (left + begin) * p->input.channels;
        for (int32_t kx = begin; kx < end; kx++) {
            at[kx] = x;
            x += p->input.channels;
        }
        at += p->kernel_w;
    }
}

/* All channels of a pixel. */
static TML_NOINLINE void tml_depthwise_conv2d_taps_pixel(const tml_depthwise_conv2d_lanes *p, const int8_t *input,
                                                         int8_t *out, int32_t row, int32_t column)
{
    const int8_t *at[TML_DEPTHWISE_CONV2D_TAPS];
    const int32_t blocks = p->input.channels / 16;
    const uint32_t zero = tml_depthwise_conv2d_lanes_zero(p);
    tml_mve_pixel pixel = {
        .taps = at,
        .taps_end = at + p->taps,
        .weights = p->weights,
        .scaling = p->scaling,
        .out = out,
        .blocks = blocks,
        .zero_points = {zero, zero, zero, zero},
    };
    at[p->taps - 1] = p->zeros;
    tml_depthwise_conv2d_taps_at(p, input, row, column, at);
    for (;;) {
        tml_mve_filter_pixel(&pixel, p->halves_away);
        if (pixel.channel > 0 || p->input.channels % 16 == 0) {
            return;
        }
        pixel.channel = p->input.channels - 16;
        pixel.weights += 16 * p->taps * blocks;
        pixel.scaling += 32 * blocks;
        pixel.out += pixel.channel;
        pixel.blocks = 1;
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_taps_s8__mve(const tml_depthwise_conv2d_lanes *p, const int8_t *input,
                                                     int8_t *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *const out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_depthwise_conv2d_taps_pixel(p, input, out + column * p->output.channels, row, column);
        }
        tml_depthwise_conv2d_lanes_clamp(p, out);
    }
}

#endif
