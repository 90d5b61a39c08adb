/* Convolution of any window, stride and padding with Helium for images of a multiple of 16 channels: rows of taps are read
 * where they lie, or, at the borders, taps one by one. */
#ifndef TML_CONV2D_ROWS_S8__MVE_H
#define TML_CONV2D_ROWS_S8__MVE_H

#include "tml_conv2d_blocks.h"

/* Taps at most. */
#define TML_CONV2D_ROWS_TAPS 32

/* Output pixels, and the image rows and columns under their first taps. */
typedef struct {
    int32_t row;
    int32_t column;
} tml_conv2d_rows_at;

static inline int32_t tml_conv2d_rows_inside(const tml_conv2d_blocks *p, tml_conv2d_rows_at at)
{
    const int32_t y = at.row * p->stride_h - p->pad_top;
    const int32_t x = at.column * p->stride_w - p->pad_left;
    return y >= 0 && x >= 0 && y + p->kernel_h <= p->input.height && x + p->kernel_w <= p->input.width;
}

/* The rows of taps of a window inside the image. Every second element of runs is set. */
static inline void tml_conv2d_rows_of(const tml_conv2d_blocks *p, const int8_t *input, tml_conv2d_rows_at at,
                                      const int8_t **runs)
{
    const int32_t first = (at.column * p->stride_w - p->pad_left) * p->input.channels;
    const int32_t y = at.row * p->stride_h - p->pad_top;
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        runs[2 * ky] = tml_row(input, &p->input, y + ky) + first;
    }
}

/* The taps of any window. */
static TML_NOINLINE void tml_conv2d_rows_taps(const tml_conv2d_blocks *p, const int8_t *input, tml_conv2d_rows_at at,
                                              const int8_t **runs)
{
    const int32_t first = at.column * p->stride_w - p->pad_left;
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = at.row * p->stride_h - p->pad_top + ky;
        const int32_t exists = y >= 0 && y < p->input.height;
        const int8_t *const row = exists ? tml_row(input, &p->input, y) : p->zeros;
        for (int32_t x = first; x < first + p->kernel_w; x++) {
            const int32_t inside = exists && x >= 0 && x < p->input.width;
            *runs = inside ? row + x * p->input.channels : p->zeros;
            runs += 2;
        }
    }
}

static inline tml_conv2d_rows_at tml_conv2d_rows_next(const tml_conv2d_blocks *p, tml_conv2d_rows_at at)
{
    at.column++;
    if (at.column == p->output.width) {
        at.column = 0;
        at.row++;
    }
    return at;
}

static inline int8_t *tml_conv2d_rows_out(const tml_conv2d_blocks *p, int8_t *output, tml_conv2d_rows_at at)
{
    return tml_row_out(output, &p->output, at.row) + at.column * p->output.channels;
}

/* All output channels of two pixels, or of one twice. */
static inline void tml_conv2d_rows_pair(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                        tml_conv2d_rows_at at0, tml_conv2d_rows_at at1)
{
    const int8_t *runs[2 * TML_CONV2D_ROWS_TAPS];
    const int32_t whole = tml_conv2d_rows_inside(p, at0) && tml_conv2d_rows_inside(p, at1);
    const int32_t count = whole ? p->kernel_h : p->kernel_h * p->kernel_w;
    tml_mve_block block = {
        .vectors = whole ? p->vectors : p->input.channels / 16,
        .runs = runs,
        .runs_end = runs + 2 * count,
    };
    if (whole) {
        tml_conv2d_rows_of(p, input, at0, runs);
        tml_conv2d_rows_of(p, input, at1, runs + 1);
    } else {
        tml_conv2d_rows_taps(p, input, at0, runs);
        tml_conv2d_rows_taps(p, input, at1, runs + 1);
    }
    tml_conv2d_blocks_pair(p, &block, 1, tml_conv2d_rows_out(p, output, at0), tml_conv2d_rows_out(p, output, at1));
}

/* Output rows [row_begin, row_end). */
static TML_NOINLINE void tml_conv2d_rows_all(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                             int32_t row_begin, int32_t row_end)
{
    tml_conv2d_rows_at at = {row_begin, 0};
    for (int32_t left = (row_end - row_begin) * p->output.width; left > 0; left--) {
        const tml_conv2d_rows_at first = at;
        tml_conv2d_rows_at second = first;
        at = tml_conv2d_rows_next(p, at);
        if (left > 1 && tml_conv2d_blocks_near(tml_conv2d_rows_out(p, output, first),
                                               tml_conv2d_rows_out(p, output, at))) {
            second = at;
            at = tml_conv2d_rows_next(p, at);
            left--;
        }
        tml_conv2d_rows_pair(p, input, output, first, second);
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
