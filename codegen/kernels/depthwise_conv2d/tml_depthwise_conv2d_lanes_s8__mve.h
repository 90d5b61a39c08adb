/* Depthwise convolution of 3 x 3 taps with Helium: 16 channels or more, any strides and padding. */
#ifndef TML_DEPTHWISE_CONV2D_LANES_S8__MVE_H
#define TML_DEPTHWISE_CONV2D_LANES_S8__MVE_H

#include "tml_depthwise_conv2d_lanes.h"

/* An output row in the making. */
typedef struct {
    const int8_t *from[3]; /* under the windows' rows of taps, at image column 0 */
    int32_t inside[3];     /* whether those rows exist */
    int8_t *out;
    const int8_t *at[12];
    int32_t steps[12];
    tml_mve_taps taps;
} tml_depthwise_conv2d_lanes_row;

/* Where the taps of a column's window lie, from channel `channel` on; those outside the image on zero points. */
static inline void tml_depthwise_conv2d_lanes_at(const tml_depthwise_conv2d_lanes *p,
                                                 tml_depthwise_conv2d_lanes_row *row, int32_t column, int32_t channel)
{
    const int32_t first = column * p->stride_w - p->pad_left;
    const int32_t channels = p->input.channels;
    const int8_t *const zeros = p->zeros + channel;
    for (int32_t ky = 0; ky < 3; ky++) {
        const int8_t *const from = row->from[ky] + first * channels + channel;
        const uint32_t width = row->inside[ky] ? (uint32_t)p->input.width : 0;
        row->at[3 * ky] = (uint32_t)first < width ? from : zeros;
        row->at[3 * ky + 1] = (uint32_t)(first + 1) < width ? from + channels : zeros;
        row->at[3 * ky + 2] = (uint32_t)(first + 2) < width ? from + 2 * channels : zeros;
    }
}

/* Columns [column, column_end), whose windows lie inside the image's columns, or a single one. */
static TML_NOINLINE void tml_depthwise_conv2d_lanes_columns(const tml_depthwise_conv2d_lanes *p,
                                                            tml_depthwise_conv2d_lanes_row *row, int32_t column,
                                                            int32_t column_end)
{
    const int32_t channels = p->input.channels;
    const int32_t blocks = channels / 16;
    row->taps.out = row->out + column * channels;
    row->taps.pixels = column_end - column;
    tml_depthwise_conv2d_lanes_at(p, row, column, 0);
    tml_mve_filter_taps(&row->taps, p->halves_away);
    if (channels > 16 * blocks) {
        tml_mve_taps last = row->taps;
        last.weights += 16 * TML_MVE_TAPS * blocks;
        last.scaling += 32 * blocks;
        last.out = row->out + column * channels + channels - 16;
        last.blocks = 1;
        last.out_step = channels - 16;
        last.pixels = column_end - column;
        tml_depthwise_conv2d_lanes_at(p, row, column, channels - 16);
        tml_mve_filter_taps(&last, p->halves_away);
    }
}

static inline void tml_depthwise_conv2d_lanes_set(const tml_depthwise_conv2d_lanes *p, const int8_t *input, int32_t y,
                                                  tml_depthwise_conv2d_lanes_row *row)
{
    const int32_t channels = p->input.channels;
    const int32_t blocks = channels / 16;
    const uint32_t zero = tml_depthwise_conv2d_lanes_zero(p);
    row->taps = (tml_mve_taps){
        .taps = row->at,
        .steps = row->steps,
        .weights = p->weights,
        .scaling = p->scaling,
        .blocks = blocks,
        .out_step = channels - 16 * blocks,
        .zero_points = {zero, zero, zero, zero},
    };
    for (int32_t ky = 0; ky < 3; ky++) {
        const int32_t inside = y + ky >= 0 && y + ky < p->input.height;
        const int32_t step = inside ? p->stride_w * channels : 0;
        row->inside[ky] = inside;
        row->from[ky] = inside ? tml_row(input, &p->input, y + ky) : p->zeros;
        row->steps[3 * ky] = step;
        row->steps[3 * ky + 1] = step;
        row->steps[3 * ky + 2] = step;
    }
}

static TML_NOINLINE void tml_depthwise_conv2d_lanes_row_of(const tml_depthwise_conv2d_lanes *p, const int8_t *input,
                                                           int8_t *out, int32_t y)
{
    const int32_t width = p->output.width;
    const int32_t begin = tml_min((p->pad_left + p->stride_w - 1) / p->stride_w, width);
    const int32_t last = p->input.width + p->pad_left - 3;
    const int32_t end = last < 0 ? begin : tml_clamp(last / p->stride_w + 1, begin, width);
    tml_depthwise_conv2d_lanes_row row;
    row.out = out;
    tml_depthwise_conv2d_lanes_set(p, input, y, &row);
    for (int32_t column = 0; column < width;) {
        const int32_t next = column == begin && begin < end ? end : column + 1;
        tml_depthwise_conv2d_lanes_columns(p, &row, column, next);
        column = next;
    }
    tml_depthwise_conv2d_lanes_clamp(p, out);
}

/* Output rows [row_begin, row_end). */
static inline void tml_depthwise_conv2d_lanes_s8__mve(const tml_depthwise_conv2d_lanes *p, const int8_t *input,
                                                      int8_t *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        tml_depthwise_conv2d_lanes_row_of(p, input, tml_row_out(output, &p->output, row),
                                          row * p->stride_h - p->pad_top);
    }
}

#endif
