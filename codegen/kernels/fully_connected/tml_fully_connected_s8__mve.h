/* Matrix product with constant weights with Helium. */
#ifndef TML_FULLY_CONNECTED_S8__MVE_H
#define TML_FULLY_CONNECTED_S8__MVE_H

#include "tml_fully_connected_blocks.h"

/* Output rows [row_begin, row_end). */
static inline void tml_fully_connected_s8__mve(const tml_fully_connected_blocks *p, const int8_t *input,
                                               int8_t *output, int32_t row_begin, int32_t row_end)
{
    tml_fully_connected_rows(p, input, output, row_begin, row_end, 0);
}

#endif
