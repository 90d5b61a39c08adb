/* Depthwise convolution of 3 x 3 taps with Helium: 16 channels or more, any strides and padding. */
#ifndef TML_DEPTHWISE_CONV2D_3X3_S8__MVE_H
#define TML_DEPTHWISE_CONV2D_3X3_S8__MVE_H

#include "tml_mve_depthwise.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    int32_t halves_away;    /* see tml_mve.h */
    const int8_t *zeros;    /* [channels]: the zero point */
    const int8_t *weights;  /* [blocks][9][16]; the last block of 16 channels ends with the last channel */
    const int32_t *scaling; /* [blocks][4][3][4]: see tml_mve_taps */
} tml_depthwise_conv2d_3x3;

/* An output row: what lies under its windows' rows of taps, at image column 0. step: 1, or 0 outside the image. */
typedef struct {
    const int8_t *from[3];
    int32_t step[3];
    int8_t *out;
} tml_depthwise_conv2d_3x3_row;

/* Where the taps of a column's window lie, those outside the image on zero points. */
static inline void tml_depthwise_conv2d_3x3_taps(const tml_depthwise_conv2d_3x3 *p,
                                                 const tml_depthwise_conv2d_3x3_row *row, int32_t column,
                                                 const int8_t **taps)
{
    const int32_t first = column * p->stride_w - p->pad_left;
    for (int32_t ky = 0; ky < 3; ky++) {
        for (int32_t x = first; x < first + 3; x++) {
            const int32_t inside = row->step[ky] && x >= 0 && x < p->input.width;
            *taps++ = inside ? row->from[ky] + x * p->input.channels : p->zeros;
        }
    }
}

/* Columns [column, column_end), whose windows lie side by side: inside the image's columns, or a single one. */
static TML_NOINLINE void tml_depthwise_conv2d_3x3_columns(const tml_depthwise_conv2d_3x3 *p,
                                                          const tml_depthwise_conv2d_3x3_row *row, int32_t column,
                                                          int32_t column_end)
{
    const int32_t channels = p->input.channels;
    const int32_t blocks = channels / 16;
    const int8_t *at[12] = {0};
    int32_t steps[12] = {0};
    tml_mve_taps taps = {
        .taps = at,
        .steps = steps,
        .weights = p->weights,
        .scaling = p->scaling,
        .out = row->out + column * channels,
        .blocks = blocks,
        .out_step = channels - 16 * blocks,
        .pixels = column_end - column,
    };
    for (int32_t i = 0; i < 8; i++) {
        taps.zero_point[i] = (int16_t)p->output_zero_point;
    }
    for (int32_t i = 0; i < TML_MVE_TAPS; i++) {
        steps[i] = row->step[i / 3] * p->stride_w * channels;
    }
    tml_depthwise_conv2d_3x3_taps(p, row, column, at);
    tml_mve_filter_taps(&taps, p->halves_away);
    if (taps.out_step > 0) {
        const int32_t last = channels - 16;
        tml_depthwise_conv2d_3x3_taps(p, row, column, at);
        for (int32_t i = 0; i < TML_MVE_TAPS; i++) {
            at[i] += last;
        }
        taps.weights += 16 * TML_MVE_TAPS * blocks;
        taps.scaling += 48 * blocks;
        taps.out = row->out + column * channels + last;
        taps.blocks = 1;
        taps.out_step = last;
        taps.pixels = column_end - column;
        tml_mve_filter_taps(&taps, p->halves_away);
    }
}

static TML_NOINLINE void tml_depthwise_conv2d_3x3_row_of(const tml_depthwise_conv2d_3x3 *p,
                                                         const tml_depthwise_conv2d_3x3_row *row)
{
    const int32_t width = p->output.width;
    const int32_t begin = tml_min((p->pad_left + p->stride_w - 1) / p->stride_w, width);
    const int32_t last = p->input.width + p->pad_left - 3;
    const int32_t end = last < 0 ? begin : tml_clamp(last / p->stride_w + 1, begin, width);
    for (int32_t column = 0; column < begin; column++) {
        tml_depthwise_conv2d_3x3_columns(p, row, column, column + 1);
    }
    if (begin < end) {
        tml_depthwise_conv2d_3x3_columns(p, row, begin, end);
    }
    for (int32_t column = end; column < width; column++) {
        tml_depthwise_conv2d_3x3_columns(p, row, column, column + 1);
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_mve_clamp(row->out, width * p->output.channels, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_3x3_s8__mve(const tml_depthwise_conv2d_3x3 *p, const int8_t *input,
                                                    int8_t *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_depthwise_conv2d_3x3_row rows = {.out = tml_row_out(output, &p->output, row)};
        for (int32_t ky = 0; ky < 3; ky++) {
            const int32_t y = row * p->stride_h - p->pad_top + ky;
            rows.step[ky] = y >= 0 && y < p->input.height;
            rows.from[ky] = rows.step[ky] ? tml_row(input, &p->input, y) : p->zeros;
        }
        tml_depthwise_conv2d_3x3_row_of(p, &rows);
    }
}

#endif
