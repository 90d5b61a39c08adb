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
    int32_t block_bytes;    /* of the weights of 4 filters */
    const uint8_t *spread;  /* [16]: where a line has the bytes of a vector of pixels */
    const int8_t *zeros;    /* [kernel_w][input.channels]: the zero point */
    const int8_t *weights;  /* [blocks of 4 filters][vectors][4][16] */
    const int32_t *scaling; /* [blocks of 4 filters][3][4]: see tml_mve_block */
} tml_conv2d_blocks;

static inline void tml_conv2d_blocks_run(const tml_conv2d_blocks *p, tml_mve_block *block)
{
    if (block->steps) {
        tml_mve_filter_runs(block, p->halves_away);
    } else {
        tml_mve_filter(block, p->halves_away);
    }
}

/* What is left of the filters when they come in fours, for one pair of pixels. */
static TML_NOINLINE void tml_conv2d_blocks_rest(const tml_conv2d_blocks *p, const tml_mve_block *pair, int8_t *out0,
                                                int8_t *out1)
{
    const int32_t blocks = p->output.channels / 4;
    int8_t last[8];
    tml_mve_block block = *pair;
    block.pairs = 1;
    block.weights = p->weights + blocks * p->block_bytes;
    block.scaling = p->scaling + blocks * 12;
    block.apart = (uint32_t)4 << 16;
    block.out = last;
    block.out_end = last + 4;
    tml_conv2d_blocks_run(p, &block);
    for (int32_t i = 4 * blocks; i < p->output.channels; i++) {
        out0[i] = last[i % 4];
        out1[i] = last[4 + i % 4];
    }
}

/* All output channels of block->pairs pairs of pixels; out0, out1: the first. block: x and x_step, or runs and steps, and
 * vectors. x or runs end with the last pair. */
static TML_NOINLINE void tml_conv2d_blocks_pairs(const tml_conv2d_blocks *p, tml_mve_block *block, int8_t *out0,
                                                 int8_t *out1)
{
    const int32_t whole = p->output.channels & ~3;
    block->weights = p->weights;
    block->scaling = p->scaling;
    block->zero_point = p->output_zero_point;
    block->apart = (uint32_t)(out1 - out0) << 16;
    block->filters = whole;
    block->out_step = 2 * p->output.channels - whole;
    block->out = out0;
    block->out_end = out0 + whole;
    if (whole == p->output.channels) {
        tml_conv2d_blocks_run(p, block);
        return;
    }
    for (int32_t left = block->pairs;;) {
        tml_conv2d_blocks_rest(p, block, out0, out1);
        block->pairs = 1;
        block->out = out0;
        block->out_end = out0 + whole;
        if (whole > 0) {
            tml_conv2d_blocks_run(p, block);
        }
        if (--left == 0) {
            return;
        }
        out0 += 2 * p->output.channels;
        out1 += 2 * p->output.channels;
        block->x[0] += block->x_step;
        block->x[1] += block->x_step;
        for (int32_t i = 0; block->steps && i < block->runs_end - block->runs; i++) {
            block->runs[i] += block->steps[i];
        }
    }
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
