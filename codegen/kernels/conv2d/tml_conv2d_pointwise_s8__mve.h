/* Convolution by a window of one pixel with Helium, of any stride, without padding or groups. */
#ifndef TML_CONV2D_POINTWISE_S8__MVE_H
#define TML_CONV2D_POINTWISE_S8__MVE_H

#include "tml_conv2d_blocks.h"

/* Channels at most, unless they are a multiple of 16. */
#define TML_CONV2D_POINTWISE_CHANNELS 256

/* `count` pixels at equal distances in input and output. */
typedef struct {
    const int8_t *x;
    int8_t *out;
    int32_t count;
} tml_conv2d_pixels;

/* Pixels that are read in whole vectors: those that would end behind `limit` are copied. */
static TML_NOINLINE void tml_conv2d_pointwise_pixels(const tml_conv2d_blocks *p, const tml_conv2d_pixels *pixels,
                                                     const int8_t *limit)
{
    const int32_t step = p->stride_w * p->input.channels;
    int8_t copy[TML_CONV2D_POINTWISE_CHANNELS];
    const int8_t *x = pixels->x;
    int8_t *out = pixels->out;
    int32_t direct = pixels->count;
    while (direct > 0 && x + (direct - 1) * step > limit) {
        direct--;
    }
    const int32_t paired = direct & ~1;
    if (paired > 0) {
        tml_mve_block block = {
            .x = {x, x + step},
            .vectors = p->filters.vectors,
            .pairs = paired / 2,
            .x_step = 2 * step,
        };
        tml_mve_filters_pairs(&p->filters, &block, out, out + p->output.channels);
    }
    for (int32_t i = paired; i < pixels->count; i++) {
        const int8_t *from = x + i * step;
        if (i >= direct) {
            tml_mve_copy(copy, from, p->input.channels);
            from = copy;
        }
        tml_mve_filters_one(&p->filters, from, out + i * p->output.channels);
    }
}

/* Output rows [row_begin, row_end): as many at a time as lie in one piece. */
static TML_NOINLINE void tml_conv2d_pointwise_rows(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                                   int32_t row_begin, int32_t row_end)
{
    const int32_t channels = p->input.channels;
    const int8_t *const image_end = tml_row(input, &p->input, p->input.rows - 1) + p->input.width * channels;
    const int32_t x_bytes = p->output.width * p->stride_w * channels;
    const int32_t out_bytes = p->output.width * p->output.channels;
    for (int32_t row = row_begin; row < row_end;) {
        const int8_t *x = tml_row(input, &p->input, row * p->stride_h);
        int8_t *out = tml_row_out(output, &p->output, row);
        tml_conv2d_pixels pixels = {x, out, 0};
        do {
            pixels.count += p->output.width;
            x += x_bytes;
            out += out_bytes;
            row++;
        } while (row < row_end && x == tml_row(input, &p->input, row * p->stride_h) &&
                 out == tml_row_out(output, &p->output, row));
        tml_conv2d_pointwise_pixels(p, &pixels, image_end - 16 * p->filters.vectors);
    }
    tml_conv2d_blocks_clamp(p, output, row_begin, row_end);
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_pointwise_s8__mve(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                                int32_t row_begin, int32_t row_end)
{
    tml_conv2d_pointwise_rows(p, input, output, row_begin, row_end);
}

#endif
