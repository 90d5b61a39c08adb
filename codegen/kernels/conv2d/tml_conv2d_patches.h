/* Parameters of the convolutions that widen patches of the image to int16 and multiply them with pairs of filters, and
 * what they share. */
#ifndef TML_CONV2D_PATCHES_H
#define TML_CONV2D_PATCHES_H

#include "tml_copy.h"
#include "tml_dsp.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
    int32_t pointwise;      /* whether windows are single pixels of 4 channels or more, all inside the image */
    int32_t groups;         /* words that a patch is read in: every run of a row of taps ends in one */
    const int32_t *weights; /* [pairs of filters][groups][2]: see tml_dsp_filter_two */
    int32_t part_rows;      /* rows of taps in a part, where patches are widened in parts, */
    int32_t part_bytes;     /* and bytes of each */
    const int32_t *scaling; /* [pairs of filters][4]: see tml_dsp_block */
} tml_conv2d_patches;

/* A pixel of the output. */
typedef struct {
    int32_t row;
    int32_t column;
} tml_conv2d_place;

/* Part of a window: bytes [offset, offset + length) of the rows of taps [ky, ky_end). length is at least 4, or all. */
typedef struct {
    int32_t ky;
    int32_t ky_end;
    int32_t offset;
    int32_t length;
} tml_conv2d_part;

/* Where a part of a pixel's window lies in an image row: bytes [from, from + length), of which [begin, end) exist. */
typedef struct {
    int32_t y; /* image row under tap row 0 */
    int32_t from;
    int32_t begin;
    int32_t end;
    int8_t *line; /* memory for a row of it, where it is not whole */
} tml_conv2d_reach;

static inline tml_conv2d_reach tml_conv2d_patches_reach(const tml_conv2d_patches *p, tml_conv2d_place at,
                                                        const tml_conv2d_part *part, int8_t *line)
{
    const int32_t from = (at.column * p->stride_w - p->pad_left) * p->input.channels + part->offset;
    const tml_conv2d_reach reach = {
        .y = at.row * p->stride_h - p->pad_top,
        .from = from,
        .begin = tml_max(from, 0),
        .end = tml_min(from + part->length, p->input.width * p->input.channels),
        .line = line,
    };
    return reach;
}

/* A row of a part in `line`, zero points where the image does not reach. row: of the image, or NULL. */
static TML_NOINLINE const int8_t *tml_conv2d_patches_border(const tml_conv2d_reach *reach, const int8_t *row,
                                                            int32_t length, int32_t zero_point)
{
    const int32_t zeros = (int32_t)((uint32_t)(uint8_t)zero_point * 0x01010101u);
    for (int32_t i = 0; i < length; i += 4) {
        tml_dsp_copy_word(reach->line + i, (const int8_t *)&zeros);
    }
    if (row && reach->begin < reach->end) {
        tml_copy(reach->line + (reach->begin - reach->from), row + reach->begin, reach->end - reach->begin);
    }
    return reach->line;
}

/* The bytes of a part under row `ky` of the taps: where they lie, or a line. */
static inline const int8_t *tml_conv2d_patches_run(const tml_conv2d_patches *p, const int8_t *input,
                                                   const tml_conv2d_reach *reach, int32_t ky, int32_t length)
{
    const int32_t y = reach->y + ky;
    const int8_t *row = y >= 0 && y < p->input.height ? tml_row(input, &p->input, y) : NULL;
    if (row && reach->end - reach->begin == length && length >= 4) {
        return row + reach->from;
    }
    return tml_conv2d_patches_border(reach, row, length, p->input_zero_point);
}

/* Widens a part of the patches of two pixels, as tml_dsp_filter_two reads them; lines: memory for two rows of it, each rounded
 * up to words. Returns the end. */
static TML_NOINLINE int32_t *tml_conv2d_patches_widen(const tml_conv2d_patches *p, const int8_t *input,
                                                      const tml_conv2d_place at[2], const tml_conv2d_part *part,
                                                      int32_t *patches, int8_t *lines)
{
    const int32_t length = part->length;
    const tml_conv2d_reach reach0 = tml_conv2d_patches_reach(p, at[0], part, lines);
    const tml_conv2d_reach reach1 = tml_conv2d_patches_reach(p, at[1], part, lines + ((length + 3) & ~3));
    for (int32_t ky = part->ky; ky < part->ky_end; ky++) {
        const int8_t *first = tml_conv2d_patches_run(p, input, &reach0, ky, length);
        const int8_t *second = tml_conv2d_patches_run(p, input, &reach1, ky, length);
        if (length >= 4) {
            patches = tml_dsp_widen(patches, first, second, length / 4);
        }
        if (length % 4 != 0) {
            const int32_t last = tml_max(length - 4, 0);
            patches = tml_dsp_widen(patches, first + last, second + last, 1);
        }
    }
    return patches;
}

/* All output channels of the first `pixels` (1 to 3) of the two or three that were widened. `step` from one's output to
 * the next one's. */
static TML_NOINLINE void tml_conv2d_patches_filter(const tml_conv2d_patches *p, const int32_t *patches, int32_t pixels,
                                                   int8_t *out, int32_t step)
{
    static const int32_t code[] = {0, TML_DSP_CODE_1X2, TML_DSP_CODE_2X2, TML_DSP_CODE_3X2};
    const int32_t channels = p->output.channels;
    int8_t last[3][2];
    tml_dsp_block block = {
        .out = {out, out + step},
        .out_end = out + (channels & ~1),
        .zero = 2 * p->output_zero_point + 1,
        .x = patches,
        .skip = tml_dsp_skip(p->groups, code[pixels]),
        .x_end = patches + p->groups * (pixels == 3 ? 6 : 4),
        .scaling = p->scaling,
        .weights = p->weights,
    };
    for (int32_t left = channels; left > 0; left = left > 1 ? channels % 2 : 0) {
        if (left == 1) {
            block.out[0] = last[0];
            block.out[1] = last[1];
            block.out_end = last[0] + 2;
        }
        if (pixels == 3) {
            tml_dsp_filter_three(&block);
        } else if (pixels == 2) {
            tml_dsp_filter_two(&block);
        } else {
            tml_dsp_filter_one(&block);
        }
    }
    for (int32_t i = 0; channels % 2 != 0 && i < pixels; i++) {
        out[i * step + channels - 1] = last[i][0];
    }
}

static inline tml_conv2d_place tml_conv2d_patches_next(const tml_conv2d_patches *p, tml_conv2d_place at)
{
    at.column++;
    if (at.column == p->output.width) {
        at.column = 0;
        at.row++;
    }
    return at;
}

static inline int8_t *tml_conv2d_patches_out(const tml_conv2d_patches *p, int8_t *output, tml_conv2d_place at)
{
    return tml_row_out(output, &p->output, at.row) + at.column * p->output.channels;
}

/* The next two places, the same twice where one is left. */
static inline void tml_conv2d_patches_advance(const tml_conv2d_patches *p, tml_conv2d_place at[2], int32_t left)
{
    at[0] = tml_conv2d_patches_next(p, at[1]);
    at[1] = left > 1 ? tml_conv2d_patches_next(p, at[0]) : at[0];
}

static TML_NOINLINE void tml_conv2d_patches_clamp(const tml_conv2d_patches *p, int8_t *output, int32_t row_begin,
                                                  int32_t row_end)
{
    const int32_t clamps = p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX;
    for (int32_t row = row_begin; clamps && row < row_end; row++) {
        tml_clamp_all(tml_row_out(output, &p->output, row), p->output.width * p->output.channels, p->clamp_low,
                      p->clamp_high);
    }
}

/* Output rows [row_begin, row_end), two pixels at a time. patches: 4 * groups words; lines: two rows of
 * taps, rounded up to words. */
static TML_NOINLINE void tml_conv2d_patches_rows(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                                 int32_t row_begin, int32_t row_end, int32_t *patches,
                                                 int8_t *lines)
{
    const tml_conv2d_part whole = {0, p->kernel_h, 0, p->kernel_w * p->input.channels};
    tml_conv2d_place at[2] = {{row_begin, 0}, {row_begin, -1}};
    for (int32_t left = (row_end - row_begin) * p->output.width; left > 0; left -= 2) {
        tml_conv2d_patches_advance(p, at, left);
        tml_conv2d_patches_widen(p, input, at, &whole, patches, lines);
        int8_t *out = tml_conv2d_patches_out(p, output, at[0]);
        tml_conv2d_patches_filter(p, patches, tml_min(left, 2), out,
                                  (int32_t)(tml_conv2d_patches_out(p, output, at[1]) - out));
    }
    tml_conv2d_patches_clamp(p, output, row_begin, row_end);
}

/* Widens `pixels` (1 to 3) pixels of `depth` bytes, `step` bytes from one to the next. */
static inline void tml_conv2d_pixels_widen(const int8_t *x, int32_t pixels, int32_t step, int32_t depth,
                                           int32_t *patches)
{
    int32_t count = depth / 4;
    for (int32_t rest = depth % 4 != 0; rest >= 0; rest--) {
        if (pixels == 3) {
            patches = tml_dsp_widen_three(patches, x, x + step, x + 2 * step, count);
        } else {
            patches = tml_dsp_widen(patches, x, pixels == 2 ? x + step : x, count);
        }
        x += depth - 4;
        count = 1;
    }
}

/* `pixels` pixels of a pointwise convolution in a row, three at a time. */
static TML_NOINLINE void tml_conv2d_pixels_run(const tml_conv2d_patches *p, const int8_t *input, int8_t *out,
                                               int32_t pixels, int32_t *patches)
{
    const int32_t step = p->stride_w * p->input.channels;
    while (pixels > 0) {
        const int32_t taken = pixels == 4 ? 2 : tml_min(pixels, 3);
        tml_conv2d_pixels_widen(input, taken, step, p->input.channels, patches);
        tml_conv2d_patches_filter(p, patches, taken, out, p->output.channels);
        input += taken * step;
        out += taken * p->output.channels;
        pixels -= taken;
    }
}

/* Whether all rows lie one behind the other. */
static inline int32_t tml_conv2d_pixels_dense(const tml_view *view)
{
    return view->rows == view->height && view->stride == view->width * view->channels;
}

/* Output rows [row_begin, row_end) of a pointwise convolution. patches: 6 * groups words. */
static TML_NOINLINE void tml_conv2d_pixels_rows(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                                int32_t row_begin, int32_t row_end, int32_t *patches)
{
    const int32_t dense = p->stride_h == 1 && p->stride_w == 1 && tml_conv2d_pixels_dense(&p->input) &&
                          tml_conv2d_pixels_dense(&p->output);
    const int32_t rows = dense ? row_end - row_begin : 1;
    for (int32_t row = row_begin; row < row_end; row += rows) {
        tml_conv2d_pixels_run(p, tml_row(input, &p->input, row * p->stride_h), tml_row_out(output, &p->output, row),
                              rows * p->output.width, patches);
    }
    tml_conv2d_patches_clamp(p, output, row_begin, row_end);
}

#endif
