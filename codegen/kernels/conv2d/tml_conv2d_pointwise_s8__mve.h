/* Convolution by a window of one pixel with Helium, of any stride, without padding or groups. */
#ifndef TML_CONV2D_POINTWISE_S8__MVE_H
#define TML_CONV2D_POINTWISE_S8__MVE_H

#include "tml_conv2d_blocks.h"
#include "tml_mve_one.h"

/* Channels at most, unless they are a multiple of 16: see tml_conv2d_deep_s8__mve. */
#define TML_CONV2D_POINTWISE_CHANNELS 128

/* `count` pixels at equal distances in input and output. */
typedef struct {
    const int8_t *x;
    int8_t *out;
    int32_t count;
} tml_conv2d_pixels;

/* How many of the pixels can be read in whole vectors: those that do not end behind the image by that. */
static inline int32_t tml_conv2d_pointwise_direct(const tml_conv2d_blocks *p, const int8_t *input,
                                                  const tml_conv2d_pixels *pixels)
{
    const int32_t channels = p->input.channels;
    int32_t direct = pixels->count;
    if (channels % 16 != 0) {
        const int8_t *const end = tml_row(input, &p->input, p->input.rows - 1) + p->input.width * channels;
        const int8_t *last = pixels->x + (direct - 1) * p->stride_w * channels;
        for (; direct > 0 && last + 16 * p->filters.vectors > end; direct--) {
            last -= p->stride_w * channels;
        }
    }
    return direct;
}

static TML_NOINLINE void tml_conv2d_pointwise_pairs(const tml_conv2d_blocks *p, const tml_conv2d_pixels *pixels,
                                                    int32_t pairs)
{
    const int32_t step = p->stride_w * p->input.channels;
    tml_mve_block block = {
        .x = {pixels->x, pixels->x + step},
        .vectors = p->filters.vectors,
        .pairs = pairs,
        .x_step = 2 * step,
    };
    tml_mve_filters_pairs(&p->filters, &block, pixels->out, pixels->out + p->output.channels);
}

static TML_NOINLINE void tml_conv2d_pointwise_copied(const tml_conv2d_blocks *p, const int8_t *x, int8_t *out)
{
    int8_t copy[TML_CONV2D_POINTWISE_CHANNELS];
    tml_mve_copy(copy, x, p->input.channels);
    tml_mve_filters_one(&p->filters, copy, out);
}

/* copy: memory for one pixel in whole vectors, or NULL: on the stack, then. */
static inline void tml_conv2d_pointwise_pixels(const tml_conv2d_blocks *p, const tml_conv2d_pixels *pixels,
                                               int32_t direct, int8_t *copy)
{
    const int32_t step = p->stride_w * p->input.channels;
    if (direct > 1) {
        tml_conv2d_pointwise_pairs(p, pixels, direct / 2);
    }
    for (int32_t i = direct & ~1; i < pixels->count; i++) {
        const int8_t *x = pixels->x + i * step;
        int8_t *out = pixels->out + i * p->output.channels;
        if (i >= direct && !copy) {
            tml_conv2d_pointwise_copied(p, x, out);
            continue;
        }
        if (i >= direct) {
            tml_mve_copy(copy, x, p->input.channels);
            x = copy;
        }
        tml_mve_filters_one(&p->filters, x, out);
    }
}

/* Output rows [row_begin, row_end): as many at a time as lie in one piece. */
static TML_NOINLINE void tml_conv2d_pointwise_rows(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                                   int32_t row_begin, int32_t row_end, int8_t *copy)
{
    const int32_t step = p->stride_w * p->input.channels;
    for (int32_t row = row_begin; row < row_end;) {
        tml_conv2d_pixels pixels = {
            tml_row(input, &p->input, row * p->stride_h),
            tml_row_out(output, &p->output, row),
            p->output.width,
        };
        for (row++; row < row_end; row++) {
            if (tml_row(input, &p->input, row * p->stride_h) != pixels.x + pixels.count * step ||
                tml_row_out(output, &p->output, row) != pixels.out + pixels.count * p->output.channels) {
                break;
            }
            pixels.count += p->output.width;
        }
        tml_conv2d_pointwise_pixels(p, &pixels, tml_conv2d_pointwise_direct(p, input, &pixels), copy);
    }
    tml_conv2d_blocks_clamp(p, output, row_begin, row_end);
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_pointwise_s8__mve(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                                int32_t row_begin, int32_t row_end)
{
    tml_conv2d_pointwise_rows(p, input, output, row_begin, row_end, NULL);
}

#endif
