/* Twin of codegen/include/tml_dsp_bytes.h in portable C, for runs of its kernels under the sanitizers of a host. */
#ifndef TML_DSP_BYTES_H
#define TML_DSP_BYTES_H

#include "tml_types.h"

static inline int32_t tml_dsp_byte(int32_t word, int32_t index)
{
    return (int8_t)((uint32_t)word >> (8 * index) & 0xff);
}

static inline int32_t tml_dsp_word(const int8_t *bytes)
{
    uint32_t word = 0;
    for (int32_t i = 3; i >= 0; i--) {
        word = word << 8 | (uint8_t)bytes[i];
    }
    return (int32_t)word;
}

static inline void tml_dsp_put(int8_t *bytes, int32_t word)
{
    for (int32_t i = 0; i < 4; i++) {
        bytes[i] = (int8_t)tml_dsp_byte(word, i);
    }
}

static inline int32_t tml_dsp_max_bytes(int32_t a, int32_t b)
{
    int8_t greater[4];
    for (int32_t i = 0; i < 4; i++) {
        greater[i] = (int8_t)tml_max(tml_dsp_byte(a, i), tml_dsp_byte(b, i));
    }
    return tml_dsp_word(greater);
}

static inline int32_t tml_dsp_min_bytes(int32_t a, int32_t b)
{
    int8_t lesser[4];
    for (int32_t i = 0; i < 4; i++) {
        lesser[i] = (int8_t)tml_min(tml_dsp_byte(a, i), tml_dsp_byte(b, i));
    }
    return tml_dsp_word(lesser);
}

static inline int32_t tml_dsp_add_even(int32_t sums, int32_t word)
{
    const uint32_t low = (uint32_t)sums + (uint32_t)tml_dsp_byte(word, 0);
    const uint32_t high = ((uint32_t)sums >> 16) + (uint32_t)tml_dsp_byte(word, 2);
    return (int32_t)(high << 16 | (low & 0xffff));
}

static inline int32_t tml_dsp_add_odd(int32_t sums, int32_t word)
{
    return tml_dsp_add_even(sums, (int32_t)((uint32_t)word >> 8));
}

#endif
