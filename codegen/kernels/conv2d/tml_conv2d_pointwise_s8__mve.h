/* Convolution by a window of one pixel with Helium, of any stride, without padding or groups. */
#ifndef TML_CONV2D_POINTWISE_S8__MVE_H
#define TML_CONV2D_POINTWISE_S8__MVE_H

#include "tml_conv2d_blocks.h"

/* Channels at most, unless they are a multiple of 16. */
#define TML_CONV2D_POINTWISE_CHANNELS 256

/* Output pixels row by row: the one at `column`, and where it lies. */
typedef struct {
    const tml_conv2d_blocks *p;
    const int8_t *input;
    int8_t *output;
    int32_t row;
    int32_t column;
    const int8_t *x;
    int8_t *out;
} tml_conv2d_pointwise_at;

static inline void tml_conv2d_pointwise_next(tml_conv2d_pointwise_at *at)
{
    const tml_conv2d_blocks *p = at->p;
    at->x += p->stride_w * p->input.channels;
    at->out += p->output.channels;
    at->column++;
    if (at->column == p->output.width) {
        at->column = 0;
        at->row++;
        at->x = tml_row(at->input, &p->input, at->row * p->stride_h);
        at->out = tml_row_out(at->output, &p->output, at->row);
    }
}

/* Output rows [row_begin, row_end). A pixel is read in whole vectors: those that would end behind the image are copied. */
static TML_NOINLINE void tml_conv2d_pointwise_rows(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                                   int32_t row_begin, int32_t row_end)
{
    const int32_t channels = p->input.channels;
    const int8_t *const image_end = tml_row(input, &p->input, p->input.rows - 1) + p->input.width * channels;
    const int8_t *const limit = image_end - 16 * p->vectors;
    int8_t copies[TML_CONV2D_POINTWISE_CHANNELS];
    tml_mve_block block = {.vectors = p->vectors};
    tml_conv2d_pointwise_at at = {p, input, output, row_begin, 0, tml_row(input, &p->input, row_begin * p->stride_h),
                                  tml_row_out(output, &p->output, row_begin)};
    for (int32_t left = (row_end - row_begin) * p->output.width; left > 0; left--) {
        int8_t *const out = at.out;
        block.x[0] = at.x;
        if (block.x[0] > limit) {
            tml_mve_copy(copies, block.x[0], channels);
            block.x[0] = copies;
        }
        block.x[1] = block.x[0];
        tml_conv2d_pointwise_next(&at);
        int8_t *out1 = out;
        if (left > 1 && tml_conv2d_blocks_near(out, at.out)) {
            left--;
            out1 = at.out;
            block.x[1] = at.x;
            if (block.x[1] > limit) {
                int8_t *const copy = copies + (p->vectors == 1 ? 16 : 0);
                tml_mve_copy(copy, block.x[1], channels);
                block.x[1] = copy;
            }
            tml_conv2d_pointwise_next(&at);
        }
        tml_conv2d_blocks_pair(p, &block, 0, out, out1);
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
