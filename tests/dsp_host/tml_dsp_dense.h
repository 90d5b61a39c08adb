/* Twin of codegen/include/tml_dsp_dense.h in portable C. */
#ifndef TML_DSP_DENSE_H
#define TML_DSP_DENSE_H

#include "tml_dsp.h"

typedef struct {
    const int8_t *x;
    int32_t skip;
    const int8_t *x_end;
    int32_t zero;
    int32_t back;
    int8_t *out;
    const int32_t *scaling;
    const int32_t *scaling_end;
    const int32_t *weights;
} tml_dsp_dense;

static inline void tml_dsp_group_1x4(const int8_t *x, const int32_t *weights, int32_t sums[4])
{
    for (int32_t i = 0; i < 4; i++) {
        const int32_t pair = tml_dsp_bytes(tml_dsp_load(x), i / 2 * 8);
        sums[i % 2 * 2 + 1] = tml_dsp_smlad(pair, weights[i], sums[i % 2 * 2 + 1]);
        sums[i % 2 * 2] = tml_dsp_smlad(pair, tml_dsp_bytes(weights[i], 0), sums[i % 2 * 2]);
    }
}

static inline void tml_dsp_filter_dense(tml_dsp_dense *d)
{
    for (; d->scaling != d->scaling_end; d->scaling += 10) {
        int32_t sums[4] = {d->scaling[0], d->scaling[1], d->scaling[5], d->scaling[6]};
        for (const int8_t *x = d->x; x != d->x_end; x += 4) {
            tml_dsp_group_1x4(x, d->weights, sums);
            d->weights += 4;
        }
        if (d->back != 0) {
            tml_dsp_group_1x4(d->x_end - d->back, d->weights, sums);
            d->weights += 4;
        }
        tml_dsp_block pair = {.zero = d->zero, .scaling = d->scaling};
        tml_dsp_store(&pair, sums[0], sums[1], d->out);
        pair.scaling += 5;
        tml_dsp_store(&pair, sums[2], sums[3], d->out + 2);
        d->out += 4;
    }
}

#endif
