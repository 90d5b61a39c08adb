/* Constant filters applied to a single pixel with Helium. */
#ifndef TML_MVE_ONE_H
#define TML_MVE_ONE_H

#include "tml_mve_filters.h"

/* Filters in eights on one pixel. biases: [channels] where all filters are rescaled alike and scaling holds two blocks
 * only, or NULL. */
static TML_NOINLINE void tml_mve_filters_eights(const tml_mve_filters *p, const int32_t *biases, const int8_t *x,
                                                int8_t *out)
{
    tml_mve_one one = {
        .x = x,
        .block_bytes = p->block_bytes,
        .biases_step = biases ? 16 : 36,
        .vectors = p->vectors,
        .weights = p->weights,
        .biases = biases ? biases : p->scaling,
        .apart = 4u << 16,
        .zero_point = p->zero_point,
        .rescaling = p->scaling + 4,
        .out = out,
        .rescaling_step = biases ? 0 : 72,
        .out_end = out + (p->channels & ~7),
    };
    tml_mve_filter_one(&one, p->halves_away);
}

/* What is left of them. */
static TML_NOINLINE void tml_mve_filters_last(const tml_mve_filters *p, const int8_t *x, int8_t *out)
{
    for (int32_t filter = p->channels & ~7; filter < p->channels; filter += 4) {
        tml_mve_block block = {.x = {x, x}, .vectors = p->vectors};
        tml_mve_filters_rest(p, &block, filter, out, out);
    }
}

/* All filters on one pixel. */
static inline void tml_mve_filters_one(const tml_mve_filters *p, const int8_t *x, int8_t *out)
{
    if (p->channels >= 8) {
        tml_mve_filters_eights(p, NULL, x, out);
    }
    if (p->channels % 8 != 0) {
        tml_mve_filters_last(p, x, out);
    }
}

#endif
