/* Twin of codegen/include/tml_dsp_dense.h in portable C. */
#ifndef TML_DSP_DENSE_H
#define TML_DSP_DENSE_H

#include "tml_dsp.h"

typedef struct {
    int32_t back;
    int8_t *out;
    int32_t rescaling_back;
    int32_t zero;
    const int8_t *x;
    int32_t skip;
    const int8_t *x_end;
    const int32_t *weights;
    const int32_t *biases;
    const int32_t *biases_end;
    const int32_t *rescaling;
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
    for (; d->biases != d->biases_end; d->biases += 4) {
        int32_t sums[4] = {d->biases[0], d->biases[1], d->biases[2], d->biases[3]};
        for (const int8_t *x = d->x; x != d->x_end; x += 4) {
            tml_dsp_group_1x4(x, d->weights, sums);
            d->weights += 4;
        }
        if (d->back != 0) {
            tml_dsp_group_1x4(d->x_end - d->back, d->weights, sums);
            d->weights += 4;
        }
        for (int32_t i = 0; i < 4; i += 2) {
            const int32_t *rescaling = d->rescaling + i / 2 * 3;
            const int32_t shift[2] = {rescaling[2], rescaling[2] >> 8};
            tml_dsp_store(rescaling, shift, d->zero, sums[i], sums[i + 1], d->out + i);
        }
        d->rescaling += 6 - d->rescaling_back / 4;
        d->out += 4;
    }
}

#endif
