/* Reference split: any tensor along any axis. */
#ifndef TML_SPLIT_S8_H
#define TML_SPLIT_S8_H

#include "tml_split.h"

/* All outputs, whole: rows [0, outputs[0].height). */
static inline void tml_split_s8(const tml_split *p, const int8_t *input, int8_t *const outputs[], int32_t row_begin,
                                int32_t row_end)
{
    (void)row_begin;
    (void)row_end;
    for (int32_t i = 0; i < p->output_count; i++) {
        tml_split_part(p, input, i, outputs[i]);
    }
}

#endif
