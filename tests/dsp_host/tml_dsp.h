/* Twin of codegen/include/tml_dsp.h in portable C, for runs of its kernels under the sanitizers of a host. */
#ifndef TML_DSP_H
#define TML_DSP_H

#include "tml_types.h"

typedef struct {
    int8_t *out[2];
    const int8_t *out_end;
    int32_t zero;
    const int32_t *x;
    int32_t skip; /* of no use here */
    const int32_t *x_end;
    const int32_t *scaling;
    const int32_t *weights;
    int32_t *sums;
    const int32_t *sums_end;
} tml_dsp_block;

#define TML_DSP_CODE_3X2 68
#define TML_DSP_CODE_2X2 48
#define TML_DSP_CODE_1X2 32
#define TML_DSP_CODE_1X4 64

static inline int32_t tml_dsp_skip(int32_t groups, int32_t code)
{
    return (-groups & 3) * code;
}

static inline int32_t tml_dsp_multiply(int32_t doubled, int32_t multiplier, int32_t offset)
{
    const int32_t product = (int32_t)(((int64_t)doubled * multiplier + ((int64_t)1 << 31)) >> 32);
    return product + offset; /* the sanitizer finds what does not fit */
}

static inline int32_t tml_dsp_saturate(int32_t value)
{
    return tml_clamp(value, INT8_MIN, INT8_MAX);
}

static inline int32_t tml_dsp_shift_right(int32_t value, int32_t count)
{
    return value >> count;
}

/* Bytes (0, 2) of a word as int16, after a rotation to the right. */
static inline int32_t tml_dsp_bytes(int32_t word, int32_t rotation)
{
    const uint32_t w = (uint32_t)word;
    const uint32_t turned = rotation ? w >> rotation | w << (32 - rotation) : w;
    const int32_t low = (int8_t)(turned & 0xff);
    const int32_t high = (int8_t)(turned >> 16 & 0xff);
    return (int32_t)(((uint32_t)high << 16) | ((uint32_t)low & 0xffff));
}

/* sum + the products of both halves, wrapping. */
static inline int32_t tml_dsp_smlad(int32_t x, int32_t y, int32_t sum)
{
    const int32_t low = (int16_t)((uint32_t)x & 0xffff) * (int16_t)((uint32_t)y & 0xffff);
    const int32_t high = (x >> 16) * (y >> 16);
    return (int32_t)((uint32_t)sum + (uint32_t)low + (uint32_t)high);
}

/* doubled: twice the sum.   shift: the shift to the right, less 1. The sanitizer finds sums that overflow. */
static inline int8_t tml_dsp_rescale(int32_t doubled, int32_t multiplier, int32_t shift, int32_t zero)
{
    const int32_t offset = zero * ((int32_t)1 << shift) + (doubled >> 31);
    const int32_t product = (int32_t)(((int64_t)doubled * multiplier + ((int64_t)1 << 31)) >> 32);
    return (int8_t)tml_clamp((product + offset) >> shift >> 1, INT8_MIN, INT8_MAX);
}

/* Even and odd filter of a pair from their two accumulators, at `out`. */
static inline void tml_dsp_store(const int32_t multiplier[2], const int32_t shift[2], int32_t zero, int32_t even,
                                 int32_t both, int8_t *out)
{
    const int32_t odd = (int32_t)((uint32_t)both - (uint32_t)even) >> 7;
    out[0] = tml_dsp_rescale(even * 2, multiplier[0], shift[0] & 0xff, zero);
    out[1] = tml_dsp_rescale(odd, multiplier[1], shift[1] & 0xff, zero);
}

/* Adds the products of a pair of filters with a pixel to its two sums. x: its first word; apart: to its second; step: from
 * group to group. */
static inline void tml_dsp_add(const tml_dsp_block *b, const int32_t *x, int32_t apart, int32_t step, int32_t *sums)
{
    const int32_t groups = (int32_t)(b->x_end - b->x) / step;
    for (int32_t i = 0; i < 2 * groups; i++) {
        const int32_t pair = x[i / 2 * step + i % 2 * apart];
        sums[1] = tml_dsp_smlad(pair, b->weights[i], sums[1]);
        sums[0] = tml_dsp_smlad(pair, tml_dsp_bytes(b->weights[i], 0), sums[0]);
    }
}

static inline void tml_dsp_filter_pixels(tml_dsp_block *b, int32_t pixels)
{
    const int32_t step = pixels == 3 ? 6 : 4;
    for (; b->out[0] != b->out_end; b->scaling += 4) {
        for (int32_t pixel = 0; pixel < pixels; pixel++) {
            const int32_t *x = b->x + (pixels == 3 ? pixel : 2 * pixel);
            const int32_t even = b->scaling[0] >> 8;
            int32_t sums[2] = {even, (int32_t)((uint32_t)b->scaling[1] + (uint32_t)even)};
            tml_dsp_add(b, x, pixels == 3 ? 3 : 1, step, sums);
            int8_t *out = b->out[0] + (pixel > 0 ? pixel * (b->out[1] - b->out[0]) : 0);
            tml_dsp_store(b->scaling + 2, b->scaling, b->zero, sums[0], sums[1], out);
        }
        b->weights += (b->x_end - b->x) / step * 2;
        b->out[0] += 2;
        b->out[1] += pixels > 1 ? 2 : 0;
    }
}

static inline void tml_dsp_add_two(tml_dsp_block *b)
{
    for (; b->sums != b->sums_end; b->sums += 4) {
        tml_dsp_add(b, b->x, 1, 4, b->sums);
        tml_dsp_add(b, b->x + 2, 1, 4, b->sums + 2);
        b->weights += (b->x_end - b->x) / 2;
    }
}

static inline void tml_dsp_store_two(tml_dsp_block *b)
{
    for (; b->out[0] != b->out_end; b->scaling += 4) {
        tml_dsp_store(b->scaling + 2, b->scaling, b->zero, b->sums[0], b->sums[1], b->out[0]);
        tml_dsp_store(b->scaling + 2, b->scaling, b->zero, b->sums[2], b->sums[3], b->out[1]);
        b->sums += 4;
        b->out[0] += 2;
        b->out[1] += 2;
    }
}

static inline void tml_dsp_filter_three(tml_dsp_block *block)
{
    tml_dsp_filter_pixels(block, 3);
}

static inline void tml_dsp_filter_two(tml_dsp_block *block)
{
    tml_dsp_filter_pixels(block, 2);
}

static inline void tml_dsp_filter_one(tml_dsp_block *block)
{
    tml_dsp_filter_pixels(block, 1);
}

static inline int32_t tml_dsp_load(const int8_t *bytes)
{
    int32_t word;
    __builtin_memcpy(&word, bytes, 4);
    return word;
}

static inline int32_t *tml_dsp_widen(int32_t *out, const int8_t *first, const int8_t *second, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        *out++ = tml_dsp_bytes(tml_dsp_load(first + 4 * i), 0);
        *out++ = tml_dsp_bytes(tml_dsp_load(first + 4 * i), 8);
        *out++ = tml_dsp_bytes(tml_dsp_load(second + 4 * i), 0);
        *out++ = tml_dsp_bytes(tml_dsp_load(second + 4 * i), 8);
    }
    return out;
}

static inline int32_t *tml_dsp_widen_three(int32_t *out, const int8_t *first, const int8_t *second,
                                           const int8_t *third, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        for (int32_t rotation = 0; rotation < 16; rotation += 8) {
            *out++ = tml_dsp_bytes(tml_dsp_load(first + 4 * i), rotation);
            *out++ = tml_dsp_bytes(tml_dsp_load(second + 4 * i), rotation);
            *out++ = tml_dsp_bytes(tml_dsp_load(third + 4 * i), rotation);
        }
    }
    return out;
}

/* 4 bytes from and to any address. */
static inline void tml_dsp_copy_word(int8_t *target, const int8_t *source)
{
    __builtin_memcpy(target, source, 4);
}

#endif
