/* A pointwise convolution's sums over some of its input channels with the DSP extension: what its kernels share. */
#ifndef TML_PARTIAL_CONV2D_PAIRS_H
#define TML_PARTIAL_CONV2D_PAIRS_H

#include "tml_accumulator.h"
#include "tml_dsp.h"

/* Pairs of filters at a time, and the most words of a pixel. */
#define TML_PARTIAL_CONV2D_PAIRS 8
#define TML_PARTIAL_CONV2D_GROUPS 12

typedef struct {
    tml_view input;
    tml_view sums;   /* int32, of other input channels; of the kernel that adds to them */
    tml_view output; /* int32 */
    int32_t part;             /* bytes of a pixel at a time: a multiple of 4; the last part holds 4 or more */
    const int32_t *weights;   /* [blocks of TML_PARTIAL_CONV2D_PAIRS pairs][parts][pairs][words of the part][2]: see
                                 tml_dsp_filter_two */
    const int32_t *zero_sums; /* [pairs of filters][2]: of raw inputs, what makes up for zero points: of the even filter,
                                 and that + 256 * the odd one's */
    const int32_t *bias;      /* [output.channels], or NULL; of the kernel that begins */
} tml_partial_conv2d_pairs;

/* Where the sums of a pixel start from, or NULL for 0, and where they go; may be the same. */
typedef struct {
    const int32_t *start;
    int32_t *out;
} tml_partial_conv2d_place;

/* Sums [first, first + count) of a pixel; raw: 4 words per pair of filters, the first 2 of this pixel. */
static inline void tml_partial_conv2d_store(tml_partial_conv2d_place at, int32_t first, int32_t count,
                                            const int32_t *raw)
{
    for (int32_t i = 0; i < count; i++) {
        const int32_t *pair = raw + i / 2 * 4;
        const int32_t odd = (int32_t)((uint32_t)pair[1] - (uint32_t)pair[0]) >> 8;
        at.out[first + i] = tml_add_wrapping(at.start ? at.start[first + i] : 0, i % 2 != 0 ? odd : pair[0]);
    }
}

/* Adds the products of two pixels, part by part, to the raw sums of a block. x: memory for them in int16. */
static inline void tml_partial_conv2d_add(const tml_partial_conv2d_pairs *p, const int8_t *const pixel[2], int32_t *x,
                                          tml_dsp_block *block)
{
    int32_t *const raw = block->sums;
    for (int32_t from = 0; from < p->input.channels; from += p->part) {
        const int32_t length = tml_min(p->part, p->input.channels - from);
        int32_t *end = tml_dsp_widen(x, pixel[0] + from, pixel[1] + from, length / 4);
        if (length % 4 != 0) {
            end = tml_dsp_widen(end, pixel[0] + from + length - 4, pixel[1] + from + length - 4, 1);
        }
        block->x_end = end;
        block->skip = tml_dsp_skip((int32_t)(end - x) / 4, TML_DSP_CODE_2X2);
        block->sums = raw;
        tml_dsp_add_two(block);
    }
}

/* All sums of the first `pixels` (1 or 2) of two pixels. */
static TML_NOINLINE void tml_partial_conv2d_two(const tml_partial_conv2d_pairs *p, const int8_t *const pixel[2],
                                                int32_t pixels, const tml_partial_conv2d_place at[2])
{
    int32_t x[TML_PARTIAL_CONV2D_GROUPS * 4];
    int32_t raw[TML_PARTIAL_CONV2D_PAIRS * 4];
    tml_dsp_block block = {.x = x, .weights = p->weights};
    for (int32_t first = 0; first < p->output.channels; first += 2 * TML_PARTIAL_CONV2D_PAIRS) {
        const int32_t count = tml_min(p->output.channels - first, 2 * TML_PARTIAL_CONV2D_PAIRS);
        const int32_t words = (count + 1) / 2 * 4;
        for (int32_t i = 0; i < words; i++) {
            raw[i] = p->zero_sums[first + i / 4 * 2 + i % 2];
        }
        block.sums = raw;
        block.sums_end = raw + words;
        tml_partial_conv2d_add(p, pixel, x, &block);
        for (int32_t i = 0; i < pixels; i++) {
            tml_partial_conv2d_store(at[i], first, count, raw + 2 * i);
        }
    }
}

/* All sums of a row, two pixels at a time. start: of its first pixel, or NULL; step: from there to the next one's. */
static inline void tml_partial_conv2d_row(const tml_partial_conv2d_pairs *p, const int8_t *in, const int32_t *start,
                                          int32_t step, int32_t *out)
{
    const int32_t depth = p->input.channels, channels = p->output.channels;
    for (int32_t left = p->output.width; left > 0; left -= 2) {
        const int32_t next = left > 1 ? 1 : 0;
        const int8_t *const pixel[2] = {in, in + next * depth};
        const tml_partial_conv2d_place at[2] = {{start, out}, {start ? start + next * step : NULL, out + next * channels}};
        tml_partial_conv2d_two(p, pixel, next + 1, at);
        in += 2 * depth;
        out += 2 * channels;
        start = start ? start + 2 * step : NULL;
    }
}

#endif
