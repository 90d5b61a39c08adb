/* int4 weights, two to a byte in their order, the first in the low four bits. */
#ifndef TML_INT4_H
#define TML_INT4_H

#include "tml_types.h"

/* The number in the low four bits of a byte. */
static inline int32_t tml_int4_low(int32_t byte)
{
    return (int32_t)((uint32_t)byte << 28) >> 28;
}

/* The one in the high four bits. */
static inline int32_t tml_int4_high(int32_t byte)
{
    return byte >> 4;
}

/* Numbers [first, first + count), one to a byte. */
static inline void tml_int4_unpack(const int8_t *packed, int32_t first, int32_t count, int8_t *out)
{
    const int8_t *bytes = packed + (first >> 1);
    int32_t i = 0;
    if ((first & 1) != 0 && count > 0) {
        out[i++] = (int8_t)tml_int4_high(*bytes++);
    }
    for (; i + 1 < count; i += 2) {
        const int32_t byte = *bytes++;
        out[i] = (int8_t)tml_int4_low(byte);
        out[i + 1] = (int8_t)tml_int4_high(byte);
    }
    if (i < count) {
        out[i] = (int8_t)tml_int4_low(*bytes);
    }
}

/* Sum of (values[i] - zero_point) * weights from number `first` on. Each byte is read once. */
static inline int32_t tml_dot_int4(const int8_t *values, int32_t zero_point, const int8_t *packed, int32_t first,
                                   int32_t count)
{
    int32_t sum = 0;
    int32_t i = 0;
    if ((first & 1) != 0 && count > 0) {
        sum += (values[0] - zero_point) * tml_int4_high(packed[first >> 1]);
        i = 1;
    }
    const int8_t *bytes = packed + ((first + i) >> 1);
    for (; i + 1 < count; i += 2) {
        const int32_t byte = *bytes++;
        sum += (values[i] - zero_point) * tml_int4_low(byte);
        sum += (values[i + 1] - zero_point) * tml_int4_high(byte);
    }
    if (i < count) {
        sum += (values[i] - zero_point) * tml_int4_low(*bytes);
    }
    return sum;
}

#endif
