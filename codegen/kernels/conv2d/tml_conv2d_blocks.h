/* Parameters of the convolutions with Helium, and what they share: all filters on two pixels at a time. */
#ifndef TML_CONV2D_BLOCKS_H
#define TML_CONV2D_BLOCKS_H

#include "tml_mve.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    int32_t halves_away;    /* see tml_mve.h */
    int32_t vectors;        /* of 16 values in a window, or, where they are read in rows of taps, in one of those */
    int32_t columns;        /* of the output that are computed together, where windows are put together in lines */
    const uint8_t *spread;  /* [16]: where a line has the bytes of a vector of pixels */
    const int8_t *zeros;    /* [input.channels]: the zero point */
    const int8_t *weights;  /* [blocks of 4 filters][vectors][4][16] */
    const int32_t *scaling; /* [blocks of 4 filters][3][4]: see tml_mve_block */
} tml_conv2d_blocks;

/* Applies all filters to two pixels, or to one where both are the same. block: x or runs. */
static inline void tml_conv2d_blocks_run(const tml_conv2d_blocks *p, tml_mve_block *block, int32_t many)
{
    if (many) {
        tml_mve_filter_runs(block, p->halves_away);
    } else {
        tml_mve_filter(block, p->halves_away);
    }
}

/* block: x and vectors, or runs where there are many. out0, out1: of the two pixels. */
static TML_NOINLINE void tml_conv2d_blocks_pair(const tml_conv2d_blocks *p, tml_mve_block *block, int32_t many,
                                                int8_t *out0, int8_t *out1)
{
    const int32_t rest = p->output.channels & 3;
    int8_t last[8];
    block->weights = p->weights;
    block->scaling = p->scaling;
    block->zero_point = p->output_zero_point;
    block->apart = (uint32_t)(out1 - out0) << 16;
    block->out = out0;
    block->out_end = out0 + (p->output.channels - rest);
    if (p->output.channels > rest) {
        tml_conv2d_blocks_run(p, block, many);
    }
    if (rest > 0) {
        block->apart = (uint32_t)4 << 16;
        block->out = last;
        block->out_end = last + 4;
        tml_conv2d_blocks_run(p, block, many);
        for (int32_t i = 0; i < rest; i++) {
            out0[p->output.channels - rest + i] = last[i];
            out1[p->output.channels - rest + i] = last[4 + i];
        }
    }
}

/* Whether the outputs of two pixels can be stored as a pair, and are so in ascending order. */
static inline int32_t tml_conv2d_blocks_near(const int8_t *out0, const int8_t *out1)
{
    return (uintptr_t)out1 - (uintptr_t)out0 < 65536;
}

static inline void tml_conv2d_blocks_clamp(const tml_conv2d_blocks *p, int8_t *output, int32_t row_begin,
                                           int32_t row_end)
{
    const int32_t clamps = p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX;
    for (int32_t row = row_begin; clamps && row < row_end; row++) {
        tml_mve_clamp(tml_row_out(output, &p->output, row), p->output.width * p->output.channels, p->clamp_low,
                      p->clamp_high);
    }
}

#endif
