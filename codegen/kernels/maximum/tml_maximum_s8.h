/* The greater of two values: any shapes that broadcast. */
#ifndef TML_MAXIMUM_S8_H
#define TML_MAXIMUM_S8_H

#include "tml_maximum.h"

/* Output rows [row_begin, row_end). */
static inline void tml_maximum_s8(const tml_maximum *p, const int8_t *input0, const int8_t *input1, int8_t *output,
                                  int32_t row_begin, int32_t row_end)
{
    tml_maximum_lines(p, input0, input1, output, row_begin, row_end, 1);
}

#endif
