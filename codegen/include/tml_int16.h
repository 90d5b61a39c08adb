/* int16 numbers in byte buffers, low byte first: no alignment, no aliasing. */
#ifndef TML_INT16_H
#define TML_INT16_H

#include "tml_types.h"

static inline int32_t tml_load_s16(const int8_t *bytes, int32_t index)
{
    return bytes[2 * index + 1] * 256 + (uint8_t)bytes[2 * index];
}

static inline void tml_store_s16(int8_t *bytes, int32_t index, int32_t value)
{
    bytes[2 * index] = (int8_t)(uint8_t)((uint32_t)value & 255u);
    bytes[2 * index + 1] = (int8_t)(uint8_t)((uint32_t)value >> 8 & 255u);
}

static inline int32_t tml_clamp_s16(int32_t value)
{
    return tml_clamp(value, -32768, 32767);
}

#endif
