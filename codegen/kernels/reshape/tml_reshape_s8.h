/* Reshape where the output cannot share the input's memory: a copy. */
#ifndef TML_RESHAPE_S8_H
#define TML_RESHAPE_S8_H

#include "tml_reshape.h"

/* The whole output: rows [0, output.height). */
static inline void tml_reshape_s8(const tml_reshape *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                  int32_t row_end)
{
    tml_copy(output, input, (row_end - row_begin) * p->output.stride);
}

#endif
