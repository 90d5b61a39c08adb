/* Logistic and tanh from int16 to int16 by one table. Twin of tinyml/ir/sigmoid_table.py: change both or neither. */
#ifndef TML_SIGMOID_TABLE_H
#define TML_SIGMOID_TABLE_H

#include "tml_types.h"

#define TML_SIGMOID_LAST 255u /* of the table's 256 entries */

/* Three quarters of the table's fine steps; a negative shift rounds. */
static inline int32_t tml_table_steps(int32_t value, int32_t shift)
{
    return shift >= 0 ? value * (3 << shift) : (value * 3 + (1 << (-shift - 1))) >> -shift;
}

/* The table at magnitude / 2^bits, interpolated. */
static inline int32_t tml_table_value(const uint16_t *table, uint32_t magnitude, uint32_t bits, int32_t greatest)
{
    const uint32_t place = magnitude >> bits;
    if (place >= TML_SIGMOID_LAST) {
        return greatest;
    }
    const uint32_t rise = (uint32_t)table[place + 1u] - table[place];
    return (int32_t)(((uint32_t)table[place] << bits) + (magnitude & ((1u << bits) - 1u)) * rise);
}

/* Steps of 2^-12 * 2^shift to steps of 2^-15. */
static inline int32_t tml_logistic_s16(const uint16_t *table, int32_t value, int32_t shift)
{
    const int32_t steps = tml_table_steps(value, shift);
    const int32_t found = tml_table_value(table, (uint32_t)(steps < 0 ? -steps : steps), 9u, 0x7FFF << 10);
    return (steps >= 0 ? found + 512 : (1 << 25) - found + 511) >> 10;
}

static inline int32_t tml_tanh_s16(const uint16_t *table, int32_t value, int32_t shift)
{
    const int32_t steps = tml_table_steps(value, shift);
    const int32_t found = tml_table_value(table, (uint32_t)(steps < 0 ? -steps : steps), 8u, 0xFFFF << 8);
    return (steps >= 0 ? found - (1 << 23) + 128 : (1 << 23) - found + 127) >> 8;
}

#endif
