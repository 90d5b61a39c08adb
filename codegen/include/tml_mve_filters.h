/* Constant filters applied to pixels with Helium: matrix products and convolutions. */
#ifndef TML_MVE_FILTERS_H
#define TML_MVE_FILTERS_H

#include "tml_mve.h"
#include "tml_mve_bytes.h"

typedef struct {
    int32_t channels;       /* filters */
    int32_t vectors;        /* of 16 values in a filter, or, where it is read in rows of taps, in one of those */
    int32_t block_bytes;    /* of the weights of 4 filters */
    int32_t zero_point;     /* of the output */
    int32_t clamp_low;
    int32_t clamp_high;
    int32_t halves_away;    /* see tml_mve.h */
    const int8_t *weights;  /* [blocks of 4 filters][vectors][4][16] */
    const int32_t *scaling; /* [blocks of 4 filters][9]: see tml_mve_block; or [2][9], see tml_mve_one.h */
} tml_mve_filters;

static TML_NOINLINE void tml_mve_filters_run(const tml_mve_filters *p, tml_mve_block *block)
{
    if (block->steps) {
        tml_mve_filter_runs(block, p->halves_away);
    } else {
        tml_mve_filter(block, p->halves_away);
    }
}

/* Sets all but pairs and what these are read from. */
static inline void tml_mve_filters_set(const tml_mve_filters *p, tml_mve_block *block, int8_t *out0, int8_t *out1)
{
    const int32_t whole = p->channels & ~3;
    block->weights = p->weights;
    block->scaling = p->scaling;
    block->zero_point = p->zero_point;
    block->apart = (uint32_t)(out1 - out0) << 16;
    block->filters = whole;
    block->out_step = 2 * p->channels - whole;
    block->out = out0;
    block->out_end = out0 + whole;
}

/* The filters of a block that begins with `filter`, of which there may be less than 4, on one pair of pixels. block: x
 * or runs, and vectors. */
static TML_NOINLINE void tml_mve_filters_rest(const tml_mve_filters *p, tml_mve_block *block, int32_t filter,
                                              int8_t *out0, int8_t *out1)
{
    int8_t last[8];
    tml_mve_filters_set(p, block, last, last + 4);
    block->pairs = 1;
    block->weights += filter / 4 * p->block_bytes;
    block->scaling += filter / 4 * 9;
    block->out_end = last + 4;
    tml_mve_filters_run(p, block);
    for (int32_t i = 0; i < tml_min(p->channels - filter, 4); i++) {
        out0[filter + i] = last[i];
        out1[filter + i] = last[4 + i];
    }
}

/* `count` output values, at least 1, to the activation's range where that is less than int8. */
static inline void tml_mve_filters_clamp(const tml_mve_filters *p, int8_t *values, int32_t count)
{
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_mve_clamp(values, count, p->clamp_low, p->clamp_high);
    }
}

#endif
