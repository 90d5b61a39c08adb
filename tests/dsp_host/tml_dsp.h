/* Twin of codegen/include/tml_dsp.h in portable C, for runs of its kernels under the sanitizers of a host. */
#ifndef TML_DSP_H
#define TML_DSP_H

#include <string.h>

#include "tml_types.h"

typedef struct {
    int32_t even;
    int32_t both;
} tml_dsp_sums;

/* Twice the odd filter's sum. */
static inline int32_t tml_dsp_odd(tml_dsp_sums sums)
{
    return (int32_t)((uint32_t)sums.both - (uint32_t)sums.even) >> 7;
}

static inline int32_t tml_dsp_multiply(int32_t doubled, int32_t multiplier, int32_t offset)
{
    const int64_t high = ((int64_t)doubled * multiplier + ((int64_t)1 << 31)) >> 32;
    return (int32_t)(high + offset); /* the sanitizer finds what does not fit */
}

static inline int32_t tml_dsp_saturate(int32_t value)
{
    return tml_clamp(value, INT8_MIN, INT8_MAX);
}

static inline int32_t tml_dsp_shift_left(int32_t value, int32_t count)
{
    return value * ((int32_t)1 << count);
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

static inline int32_t tml_dsp_load(const int8_t *bytes)
{
    int32_t word;
    memcpy(&word, bytes, 4);
    return word;
}

static inline int32_t *tml_dsp_widen_2(int32_t *out, const int8_t *first, const int8_t *second, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        *out++ = tml_dsp_bytes(tml_dsp_load(first + 4 * i), 0);
        *out++ = tml_dsp_bytes(tml_dsp_load(second + 4 * i), 0);
        *out++ = tml_dsp_bytes(tml_dsp_load(first + 4 * i), 8);
        *out++ = tml_dsp_bytes(tml_dsp_load(second + 4 * i), 8);
    }
    return out;
}

static inline void tml_dsp_add(tml_dsp_sums *sums, int32_t x, int32_t w)
{
    sums->both = tml_dsp_smlad(x, w, sums->both);
    sums->even = tml_dsp_smlad(x, tml_dsp_bytes(w, 0), sums->even);
}

static inline const int32_t *tml_dsp_dot_2x2(const int32_t *x, const int32_t *w, int32_t groups, tml_dsp_sums *first,
                                             tml_dsp_sums *second)
{
    for (int32_t i = 0; i < 2 * groups; i++) {
        tml_dsp_add(first, x[2 * i], w[i]);
        tml_dsp_add(second, x[2 * i + 1], w[i]);
    }
    return w + 2 * groups;
}

static inline const int32_t *tml_dsp_dot_1x2(const int32_t *x, const int32_t *w, int32_t groups, tml_dsp_sums *first)
{
    for (int32_t i = 0; i < 2 * groups; i++) {
        tml_dsp_add(first, x[2 * i], w[i]);
    }
    return w + 2 * groups;
}

#endif
