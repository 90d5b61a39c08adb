/* Convolution of any window, stride and padding with Helium: the rows under a few output columns are put together in a
 * line [column][row][channel], in which every window is one run. */
#ifndef TML_CONV2D_LINES_S8__MVE_H
#define TML_CONV2D_LINES_S8__MVE_H

#include "tml_conv2d_blocks.h"
#include "tml_mve_one.h"

/* Bytes of a line at most, and behind it, so that windows can be read in whole vectors. */
#define TML_CONV2D_LINES_BYTES 384
#define TML_CONV2D_LINES_BEHIND 16

/* `count` output columns from `column` on of output row `row`. */
typedef struct {
    int32_t row;
    int32_t column;
    int32_t count;
} tml_conv2d_lines_part;

/* Columns of a row of taps to their places in the line. */
static inline void tml_conv2d_lines_spread(const tml_conv2d_blocks *p, int8_t *line, const int8_t *from, int32_t count)
{
    const int32_t channels = p->input.channels;
    const int32_t pitch = p->kernel_h * channels;
    if (channels <= 16) {
        const int32_t group = 16 / channels;
        tml_mve_spread(line, from, count * channels, p->spread, group * channels, group * pitch);
    } else {
        for (int32_t i = 0; i < count; i++) {
            tml_mve_copy(line + i * pitch, from + i * channels, channels);
        }
    }
}

static TML_NOINLINE void tml_conv2d_lines_fill(const tml_conv2d_blocks *p, const int8_t *input,
                                               const tml_conv2d_lines_part *part, int8_t *line)
{
    const int32_t channels = p->input.channels;
    const int32_t pitch = p->kernel_h * channels;
    const int32_t first = part->column * p->stride_w - p->pad_left;
    const int32_t columns = (part->count - 1) * p->stride_w + p->kernel_w;
    const int32_t begin = tml_clamp(-first, 0, columns);
    const int32_t inside = tml_clamp(p->input.width - first, begin, columns) - begin;
    const int32_t y = part->row * p->stride_h - p->pad_top;
    if (inside < columns || y < 0 || y + p->kernel_h > p->input.height) {
        tml_mve_fill(line, p->input_zero_point, columns * pitch);
    }
    const int32_t ky_end = inside > 0 ? tml_min(p->kernel_h, p->input.height - y) : 0;
    for (int32_t ky = tml_max(0, -y); ky < ky_end; ky++) {
        tml_conv2d_lines_spread(p, line + begin * pitch + ky * channels,
                                tml_row(input, &p->input, y + ky) + (first + begin) * channels, inside);
    }
}

/* All output channels of a part. */
static TML_NOINLINE void tml_conv2d_lines_filter(const tml_conv2d_blocks *p, int32_t count, const int8_t *line,
                                                 int8_t *out)
{
    const int32_t step = p->stride_w * p->kernel_h * p->input.channels;
    const int32_t even = count & ~1;
    tml_mve_block block = {
        .x = {line, line + step},
        .vectors = p->filters.vectors,
        .pairs = count / 2,
        .x_step = 2 * step,
    };
    if (even > 0) {
        tml_mve_filters_pairs(&p->filters, &block, out, out + p->output.channels);
    }
    if (even < count) {
        tml_mve_filters_one(&p->filters, line + even * step, out + even * p->output.channels);
    }
}

/* Output rows [row_begin, row_end). */
static TML_NOINLINE void tml_conv2d_lines_rows(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                               int32_t row_begin, int32_t row_end)
{
    int8_t line[TML_CONV2D_LINES_BYTES + TML_CONV2D_LINES_BEHIND];
    tml_conv2d_lines_part part = {.row = row_begin};
    for (; part.row < row_end; part.row++) {
        int8_t *const out = tml_row_out(output, &p->output, part.row);
        for (part.column = 0; part.column < p->output.width; part.column += p->columns) {
            part.count = tml_min(p->columns, p->output.width - part.column);
            tml_conv2d_lines_fill(p, input, &part, line);
            tml_conv2d_lines_filter(p, part.count, line, out + part.column * p->output.channels);
        }
    }
    tml_conv2d_blocks_clamp(p, output, row_begin, row_end);
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_lines_s8__mve(const tml_conv2d_blocks *p, const int8_t *input, int8_t *output,
                                            int32_t row_begin, int32_t row_end)
{
    tml_conv2d_lines_rows(p, input, output, row_begin, row_end);
}

#endif
