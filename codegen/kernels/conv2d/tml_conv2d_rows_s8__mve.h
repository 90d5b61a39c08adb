/* Convolution of any window, stride and padding with Helium for images of a multiple of 16 channels: rows of taps are
 * read where they lie, or, at the borders, taps one by one. */
#ifndef TML_CONV2D_ROWS_S8__MVE_H
#define TML_CONV2D_ROWS_S8__MVE_H

#include "tml_conv2d_blocks.h"

/* Taps at most, and rows of them. */
#define TML_CONV2D_ROWS_TAPS 32
#define TML_CONV2D_ROWS_HEIGHT 8

/* An output row: where its windows' rows of taps begin, at image column 0. step: 1, or 0 for rows outside the image. */
typedef struct {
    const int8_t *from[TML_CONV2D_ROWS_HEIGHT];
    int32_t step[TML_CONV2D_ROWS_HEIGHT];
} tml_conv2d_rows_row;

static inline void tml_conv2d_rows_set(const tml_conv2d_blocks *p, const int8_t *input, int32_t row,
                                       tml_conv2d_rows_row *rows)
{
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = row * p->stride_h - p->pad_top + ky;
        rows->step[ky] = y >= 0 && y < p->input.height;
        rows->from[ky] = rows->step[ky] ? tml_row(input, &p->input, y) : p->zeros;
    }
}

/* The taps of the window of one column, which may lie over a border. Every second element of runs is set. */
static inline void tml_conv2d_rows_taps(const tml_conv2d_blocks *p, const tml_conv2d_rows_row *rows, int32_t column,
                                        const int8_t **runs)
{
    const int32_t first = column * p->stride_w - p->pad_left;
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int8_t *const from = rows->from[ky];
        for (int32_t x = first; x < first + p->kernel_w; x++) {
            const int32_t inside = rows->step[ky] && x >= 0 && x < p->input.width;
            *runs = inside ? from + x * p->input.channels : p->zeros;
            runs += 2;
        }
    }
}

/* Two columns of an output row, or one twice, whose windows lie over a border, in either order. */
static TML_NOINLINE void tml_conv2d_rows_border(const tml_conv2d_blocks *p, const tml_conv2d_rows_row *rows,
                                                int8_t *out, int32_t column0, int32_t column1)
{
    const int8_t *runs[2 * TML_CONV2D_ROWS_TAPS];
    tml_mve_block block = {
        .vectors = p->input.channels / 16,
        .runs = runs,
        .runs_end = runs + 2 * p->kernel_h * p->kernel_w,
        .pairs = 1,
        .steps = rows->step,
    };
    tml_conv2d_rows_taps(p, rows, column0, runs);
    tml_conv2d_rows_taps(p, rows, column1, runs + 1);
    tml_mve_filters_pairs(&p->filters, &block, out + column0 * p->output.channels, out + column1 * p->output.channels);
}

/* An even number of columns whose windows lie over none. */
static TML_NOINLINE void tml_conv2d_rows_inside(const tml_conv2d_blocks *p, const tml_conv2d_rows_row *rows,
                                                int8_t *out, int32_t column, int32_t column_end)
{
    const int8_t *runs[2 * TML_CONV2D_ROWS_HEIGHT];
    int32_t steps[2 * TML_CONV2D_ROWS_HEIGHT];
    const int32_t step = p->stride_w * p->input.channels;
    const int32_t first = column * step - p->pad_left * p->input.channels;
    tml_mve_block block = {
        .vectors = p->filters.vectors,
        .runs = runs,
        .runs_end = runs + 2 * p->kernel_h,
        .pairs = (column_end - column) / 2,
        .steps = steps,
    };
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        runs[2 * ky] = rows->from[ky] + rows->step[ky] * first;
        runs[2 * ky + 1] = runs[2 * ky] + rows->step[ky] * step;
        steps[2 * ky] = rows->step[ky] * 2 * step;
        steps[2 * ky + 1] = steps[2 * ky];
    }
    out += column * p->output.channels;
    tml_mve_filters_pairs(&p->filters, &block, out, out + p->output.channels);
}

/* Output rows [row_begin, row_end): columns inside the image in pairs, then the others. */
static TML_NOINLINE void tml_conv2d_rows_all(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                             int32_t row_begin, int32_t row_end)
{
    const int32_t width = p->output.width;
    const int32_t left = tml_min((p->pad_left + p->stride_w - 1) / p->stride_w, width);
    const int32_t last = p->input.width + p->pad_left - p->kernel_w;
    const int32_t inside = last < 0 ? 0 : tml_max(tml_min(last / p->stride_w + 1, width) - left, 0);
    const int32_t right = left + (inside & ~1);
    tml_conv2d_rows_row rows;
    for (int32_t row = row_begin; row < row_end; row++) {
        int8_t *const out = tml_row_out(output, &p->output, row);
        tml_conv2d_rows_set(p, input, row, &rows);
        if (right > left) {
            tml_conv2d_rows_inside(p, &rows, out, left, right);
        }
        for (int32_t i = 0; i < left + width - right; i += 2) {
            const int32_t first = i < left ? i : i - left + right;
            const int32_t second = i + 1 < left ? i + 1 : tml_min(i + 1 - left + right, width - 1);
            tml_conv2d_rows_border(p, &rows, out, first, tml_max(first, second));
        }
    }
    tml_conv2d_blocks_clamp(p, output, row_begin, row_end);
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_rows_s8__mve(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                           int32_t row_begin, int32_t row_end)
{
    tml_conv2d_rows_all(p, input, output, row_begin, row_end);
}

#endif
