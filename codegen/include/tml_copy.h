/* Moving bytes. Plain loops: compilers turn them into their best copy, and no C library is needed. */
#ifndef TML_COPY_H
#define TML_COPY_H

#include "tml_types.h"

static inline void tml_copy(int8_t *restrict target, const int8_t *restrict source, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        target[i] = source[i];
    }
}

/* Moves `count` bytes of each row of a strip from offset `from` to the front, where they are needed again. */
static inline void tml_keep_columns(int8_t *strip, int32_t rows, int32_t stride, int32_t from, int32_t count)
{
    for (int32_t row = 0; row < rows; row++) {
        for (int32_t i = 0; i < count; i++) {
            strip[i] = strip[from + i];
        }
        strip += stride;
    }
}

static inline void tml_fill(int8_t *target, int32_t value, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        target[i] = (int8_t)value;
    }
}

/* Clamps values in place, for kernels that saturate to int8 and seldom meet an activation that leaves less. */
static inline void tml_clamp_all(int8_t *values, int32_t count, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < count; i++) {
        values[i] = (int8_t)tml_clamp(values[i], low, high);
    }
}

#endif
