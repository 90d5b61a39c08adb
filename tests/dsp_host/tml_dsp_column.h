/* Twin of codegen/include/tml_dsp_column.h in portable C. */
#ifndef TML_DSP_COLUMN_H
#define TML_DSP_COLUMN_H

#include "tml_dsp_depthwise.h"

typedef struct {
    const int8_t *const *rows;
    const int8_t *const *rows_end;
    int32_t channel;
    int32_t channel_end;
    const int32_t *weights;
    const int32_t *scaling;
    int8_t *out;
    int32_t zero;
} tml_dsp_column;

static inline void tml_dsp_filter_column(tml_dsp_column *t)
{
    for (; t->channel != t->channel_end; t->channel += 4) {
        int32_t sums[4] = {0};
        for (const int8_t *const *row = t->rows; row != t->rows_end; row += 2) {
            const tml_dsp_line upper = {row[0] + t->channel, 0};
            const tml_dsp_line lower = {row[1] + t->channel, 0};
            int32_t x[4];
            tml_dsp_widen_rows(x, upper, lower, 1);
            for (int32_t c = 0; c < 4; c++) {
                sums[c] = tml_dsp_smlad(x[c], tml_dsp_bytes(t->weights[c / 2], c % 2 * 8), sums[c]);
            }
            t->weights += 2;
        }
        for (int32_t c = 0; c < 4; c++) {
            tml_dsp_channels one = {.sums = sums + c, .sums_end = sums + c + 1, .out = t->out, .zero = t->zero};
            one.scaling = t->scaling;
            tml_dsp_store_channels(&one, 1);
            t->scaling += 2;
            t->out++;
        }
    }
}

#endif
