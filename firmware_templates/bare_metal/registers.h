/* Memory-mapped registers and the board's facts. */
#ifndef TML_REGISTERS_H
#define TML_REGISTERS_H

#include <stdint.h>

#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define REGISTER8(address) (*(volatile uint8_t *)(uintptr_t)(address))

static inline void set_bits(uintptr_t address, uint32_t bits)
{
    REGISTER(address) |= bits;
}

/* Replaces the bits of `mask`, shifted by `shift`, with `value`. */
static inline void set_field(uintptr_t address, uint32_t mask, uint32_t shift, uint32_t value)
{
    REGISTER(address) = (REGISTER(address) & ~(mask << shift)) | (value << shift);
}

static inline void wait_for(uintptr_t address, uint32_t mask, uint32_t value)
{
    while ((REGISTER(address) & mask) != value) {
    }
}

#endif
