/* Convolution of any window, stride and padding with the DSP extension in little memory: patches on the stack, those
 * that are longer in parts, for 16 filters at a time.
 */
#ifndef TML_CONV2D_PARTS_S8__DSP_H
#define TML_CONV2D_PARTS_S8__DSP_H

#include "tml_accumulator.h"
#include "tml_conv2d_patches.h"

/* Groups of 4 bytes of a patch that is taken whole, or of a part of a longer one; pairs of filters at a time then. */
#define TML_CONV2D_WHOLE_GROUPS 16
#define TML_CONV2D_PART_GROUPS 12
#define TML_CONV2D_PART_PAIRS 8

/* A part of the patches of two pixels, and the bytes that lie under it at the borders. */
typedef struct {
    int32_t patches[TML_CONV2D_PART_GROUPS * 4];
    int8_t lines[TML_CONV2D_PART_GROUPS * 8];
} tml_conv2d_part_memory;

/* Adds all parts of the patches of two pixels to the sums of a block. */
static inline void tml_conv2d_parts_add(const tml_conv2d_patches *p, const int8_t *input,
                                        const tml_conv2d_place at[2], tml_conv2d_part_memory *memory,
                                        tml_dsp_block *block)
{
    const int32_t length = p->kernel_w * p->input.channels;
    int32_t *const sums = block->sums;
    for (int32_t ky = 0; ky < p->kernel_h; ky += p->part_rows) {
        for (int32_t offset = 0; offset < length; offset += p->part_bytes) {
            const tml_conv2d_part part = {ky, tml_min(ky + p->part_rows, p->kernel_h), offset,
                                          tml_min(p->part_bytes, length - offset)};
            block->x_end = tml_conv2d_patches_widen(p, input, at, &part, memory->patches, memory->lines);
            block->skip = tml_dsp_skip((int32_t)(block->x_end - block->x) / 4, TML_DSP_CODE_2X2);
            block->sums = sums;
            tml_dsp_add_two(block);
        }
    }
    block->sums = sums;
}

/* The biases of pairs of filters for both pixels, as TML_DSP_BIASES has them. */
static inline void tml_conv2d_parts_begin(const int32_t *scaling, int32_t pairs, int32_t *sums)
{
    for (; pairs > 0; pairs--) {
        const int32_t even = scaling[0] >> 8;
        sums[0] = sums[2] = even;
        sums[1] = sums[3] = tml_add_wrapping(scaling[1], even);
        scaling += 4;
        sums += 4;
    }
}

/* All output channels of two pixels. */
static TML_NOINLINE void tml_conv2d_parts_two(const tml_conv2d_patches *p, const int8_t *input,
                                              const tml_conv2d_place at[2], int8_t *out0, int8_t *out1)
{
    tml_conv2d_part_memory memory;
    int32_t sums[TML_CONV2D_PART_PAIRS * 4];
    int8_t last[2][2];
    tml_dsp_block block = {
        .out = {out0, out1},
        .zero = 2 * p->output_zero_point + 1,
        .x = memory.patches,
        .scaling = p->scaling,
        .weights = p->weights,
    };
    for (int32_t left = p->output.channels; left > 0; left -= 2 * TML_CONV2D_PART_PAIRS) {
        const int32_t pairs = tml_min((left + 1) / 2, TML_CONV2D_PART_PAIRS);
        tml_conv2d_parts_begin(block.scaling, pairs, sums);
        block.sums = sums;
        block.sums_end = sums + 4 * pairs;
        tml_conv2d_parts_add(p, input, at, &memory, &block);
        block.out_end = block.out[0] + 2 * tml_min(left / 2, pairs);
        if (left > 1) {
            tml_dsp_store_two(&block);
        }
        if (left < 2 * pairs) {
            block.out[0] = last[0];
            block.out[1] = last[1];
            block.out_end = last[0] + 2;
            tml_dsp_store_two(&block);
            out0[p->output.channels - 1] = last[0][0];
            out1[p->output.channels - 1] = last[1][0];
        }
    }
}

/* Output rows [row_begin, row_end) where patches come in parts. */
static TML_NOINLINE void tml_conv2d_parts_rows(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                               int32_t row_begin, int32_t row_end)
{
    tml_conv2d_place at[2] = {{row_begin, 0}, {row_begin, -1}};
    for (int32_t left = (row_end - row_begin) * p->output.width; left > 0; left -= 2) {
        tml_conv2d_patches_advance(p, at, left);
        tml_conv2d_parts_two(p, input, at, tml_conv2d_patches_out(p, output, at[0]),
                             tml_conv2d_patches_out(p, output, at[1]));
    }
    tml_conv2d_patches_clamp(p, output, row_begin, row_end);
}

/* Output rows [row_begin, row_end) of a pointwise convolution. */
static TML_NOINLINE void tml_conv2d_whole_pixels(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                                 int32_t row_begin, int32_t row_end)
{
    int32_t patches[TML_CONV2D_WHOLE_GROUPS * 6];
    tml_conv2d_pixels_rows(p, input, output, row_begin, row_end, patches);
}

/* Output rows [row_begin, row_end) where patches come whole. */
static TML_NOINLINE void tml_conv2d_whole_rows(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                               int32_t row_begin, int32_t row_end)
{
    int32_t patches[TML_CONV2D_WHOLE_GROUPS * 4];
    int8_t lines[TML_CONV2D_WHOLE_GROUPS * 8];
    tml_conv2d_patches_rows(p, input, output, row_begin, row_end, patches, lines);
}

/* Output rows [row_begin, row_end). */
static inline void tml_conv2d_parts_s8__dsp(const tml_conv2d_patches *p, const int8_t *input, int8_t *output,
                                            int32_t row_begin, int32_t row_end)
{
    if (p->pointwise && p->groups <= TML_CONV2D_WHOLE_GROUPS) {
        tml_conv2d_whole_pixels(p, input, output, row_begin, row_end);
    } else if (p->groups <= TML_CONV2D_WHOLE_GROUPS) {
        tml_conv2d_whole_rows(p, input, output, row_begin, row_end);
    } else {
        tml_conv2d_parts_rows(p, input, output, row_begin, row_end);
    }
}

#endif
