/* Constant filters applied to pairs of pixels with Helium. */
#ifndef TML_MVE_PAIRS_H
#define TML_MVE_PAIRS_H

#include "tml_mve_filters.h"

/* To the next pair, which the loops do themselves where filters come in fours. */
static inline void tml_mve_filters_next(tml_mve_block *block)
{
    block->x[0] += block->x_step;
    block->x[1] += block->x_step;
    for (int32_t i = 0; block->steps && i < block->runs_end - block->runs; i++) {
        block->runs[i] += block->steps[i];
    }
}

/* All filters on block->pairs pairs of pixels; out0, out1: of the first. block: x and x_step, or runs and steps, and
 * vectors. x or runs end with the last pair. */
static TML_NOINLINE void tml_mve_filters_pairs(const tml_mve_filters *p, tml_mve_block *block, int8_t *out0,
                                               int8_t *out1)
{
    if (p->channels % 4 == 0) {
        tml_mve_filters_set(p, block, out0, out1);
        tml_mve_filters_run(p, block);
        return;
    }
    for (int32_t left = block->pairs; left > 0; left--) {
        tml_mve_filters_rest(p, block, p->channels & ~3, out0, out1);
        if (p->channels > 4) {
            tml_mve_filters_set(p, block, out0, out1);
            block->pairs = 1;
            tml_mve_filters_run(p, block);
        }
        if (left > 1) {
            tml_mve_filters_next(block);
        }
        out0 += 2 * p->channels;
        out1 += 2 * p->channels;
    }
}

#endif
