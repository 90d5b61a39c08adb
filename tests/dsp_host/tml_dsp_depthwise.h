/* Twin of codegen/include/tml_dsp_depthwise.h in portable C. */
#ifndef TML_DSP_DEPTHWISE_H
#define TML_DSP_DEPTHWISE_H

#include "tml_dsp.h"

#define TML_DSP_COLUMNS 6

typedef struct {
    const int8_t *at;
    int32_t step;
} tml_dsp_line;

static inline int32_t *tml_dsp_widen_rows(int32_t *out, tml_dsp_line upper, tml_dsp_line lower, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        for (int32_t c = 0; c < 4; c++) {
            const uint32_t low = (uint32_t)upper.at[i * upper.step + c] & 0xffff;
            *out++ = (int32_t)(low | (uint32_t)lower.at[i * lower.step + c] << 16);
        }
    }
    return out;
}

static inline int32_t *tml_dsp_widen_row(int32_t *out, tml_dsp_line row, int32_t count)
{
    return tml_dsp_widen_rows(out, row, row, count);
}

typedef struct {
    const int32_t *x;
    const int32_t *weights;
    const int32_t *x_end;
    int32_t *sums;
    const int32_t *sums_end;
    int32_t rest;
    int32_t row_bytes;
    const int32_t *scaling;
    int8_t *out;
    const int32_t *x_fours;
    int32_t zero;
} tml_dsp_channels;

static inline void tml_dsp_clear(int32_t sums[4 * TML_DSP_COLUMNS])
{
    for (int32_t i = 0; i < 4 * TML_DSP_COLUMNS; i++) {
        sums[i] = 0;
    }
}

/* A tap of two rows, in a word of two columns of `left` that are left, as half words; or of one row. */
static inline int32_t tml_dsp_weight(const int8_t *weights, int32_t rows, int32_t left)
{
    const int32_t lower = rows == 1 ? 0 : weights[left > 1 ? 2 : 1];
    return (int32_t)((uint32_t)lower << 16 | ((uint32_t)weights[0] & 0xffff));
}

static inline void tml_dsp_rows(tml_dsp_channels *t, int32_t columns, int32_t stride, int32_t rows)
{
    const int32_t taps = t->row_bytes / 16 + (t->rest & 1);
    const int8_t *weights = (const int8_t *)t->weights;
    for (const int32_t *x = t->x; x != t->x_end; x++) {
        for (int32_t tap = 0; tap < taps; tap++) {
            const int32_t at = rows == 1 ? tap : tap / 2 * 4 + tap % 2;
            const int32_t weight = tml_dsp_weight(weights + at, rows, taps - tap / 2 * 2);
            for (int32_t i = 0; i < columns; i++) {
                t->sums[i] = tml_dsp_smlad(x[(i * stride + tap) * 4], weight, t->sums[i]);
            }
        }
        weights += rows * taps;
        t->sums += columns;
    }
    t->weights = (const int32_t *)(const void *)weights;
}

static inline void tml_dsp_two_rows(tml_dsp_channels *t, int32_t columns, int32_t stride)
{
    tml_dsp_rows(t, columns, stride, 2);
}

static inline void tml_dsp_one_row(tml_dsp_channels *t, int32_t columns, int32_t stride)
{
    tml_dsp_rows(t, columns, stride, 1);
}

static inline void tml_dsp_store_channels(tml_dsp_channels *t, int32_t columns)
{
    const int32_t *scaling = t->scaling;
    int8_t *out = t->out;
    for (const int32_t *sums = t->sums; sums != t->sums_end; sums += columns) {
        for (int32_t i = 0; i < columns; i++) {
            const int32_t doubled = (int32_t)(2 * ((uint32_t)(scaling[1] >> 8) + (uint32_t)sums[i]));
            out[4 * i] = tml_dsp_rescale(doubled, scaling[0], scaling[1] & 0xff, t->zero);
        }
        scaling += 2;
        out++;
    }
}

static inline void tml_dsp_store_columns(tml_dsp_channels *t)
{
    tml_dsp_store_channels(t, 6);
}

static inline void tml_dsp_store_few_columns(tml_dsp_channels *t)
{
    tml_dsp_store_channels(t, 3);
}

#define TML_DSP_PITCH 13

static inline void tml_dsp_windows_of_3(tml_dsp_channels *t, int32_t columns, int32_t stride)
{
    static const int32_t order[3][3] = {{0, 1, 4}, {2, 3, 6}, {5, 8, 7}};
    for (int32_t c = 0; c < 4; c++) {
        int32_t sums[TML_DSP_COLUMNS] = {0};
        const int8_t *weights = (const int8_t *)t->weights + 9 * c;
        for (int32_t i = 0; i < 9 * columns; i++) {
            const int32_t row = i / 3 % 3, tap = i % 3;
            const int32_t x = t->x[c + 4 * (row / 2 * TML_DSP_PITCH + i / 9 * stride + tap)];
            sums[i / 9] += (int16_t)(uint16_t)((uint32_t)x >> row % 2 * 16) * weights[order[row][tap]];
        }
        tml_dsp_channels one = {.sums = sums, .sums_end = sums + columns, .out = t->out + c, .zero = t->zero};
        one.scaling = t->scaling + 2 * c;
        tml_dsp_store_channels(&one, columns);
    }
    t->x += 4;
    t->weights += 9;
    t->scaling += 8;
    t->out += 4;
}

#endif
