/* Functions of int16 by tables between whose entries is interpolated. Twin of tinyml/ir/lookup.py: change both or
 * neither.
 */
#ifndef TML_LOOKUP_H
#define TML_LOOKUP_H

#include "tml_requantize.h"
#include "tml_wide.h"

/* Logistic or tanh. */
typedef struct {
    tml_view input;
    tml_view output;
    int32_t multiplier; /* to steps of 1/12288, with a shift to the right */
    int32_t shift;
    const uint16_t *table; /* [256] of 65536 * logistic(i / 24) */
} tml_sigmoid;

/* A value in steps of 1/12288. */
static inline int32_t tml_sigmoid_scaled(int32_t value, int32_t multiplier, int32_t shift)
{
    const int32_t half = (int32_t)(((uint32_t)1 << shift) >> 1);
    return (value * multiplier + half) >> shift;
}

/* The table at a magnitude of which 2**bits are an entry, times 2**bits; `end` behind it. */
static inline int32_t tml_sigmoid_between(const uint16_t *table, int32_t magnitude, int32_t bits, int32_t end)
{
    const int32_t entry = magnitude >> bits;
    if (entry >= 255) {
        return end;
    }
    const int32_t low = table[entry];
    const int32_t rest = magnitude & (((int32_t)1 << bits) - 1);
    return low * ((int32_t)1 << bits) + rest * (table[entry + 1] - low);
}

/* Both of a value in steps of 1/12288, in steps of 1/32768. */
static inline int16_t tml_sigmoid_logistic(const uint16_t *table, int32_t scaled)
{
    const int32_t between = tml_sigmoid_between(table, scaled < 0 ? -scaled : scaled, 9, 0x7FFF * 1024);
    return (int16_t)((scaled < 0 ? (1 << 25) - between + 511 : between + 512) >> 10);
}

static inline int16_t tml_sigmoid_tanh(const uint16_t *table, int32_t scaled)
{
    const int32_t between = tml_sigmoid_between(table, scaled < 0 ? -scaled : scaled, 8, 0xFFFF * 256);
    return (int16_t)((scaled < 0 ? (1 << 23) - between + 127 : between - (1 << 23) + 128) >> 8);
}

/* A table [513] of a function of int16. */
static inline int32_t tml_interpolated(const int16_t *table, int32_t value)
{
    const int32_t index = 256 + (value >> 7);
    const int32_t low = table[index];
    return low + (((table[index + 1] - low) * (value & 127) + 64) >> 7);
}

#endif
