/* Reference pad: a border on any side of any tensor. */
#ifndef TML_PAD_S8_H
#define TML_PAD_S8_H

#include "tml_pad.h"

/* The whole output: rows [0, output.height). */
static inline void tml_pad_s8(const tml_pad_box *p, const int8_t *input, int8_t *output, int32_t row_begin,
                              int32_t row_end)
{
    tml_fill(output, p->value, (row_end - row_begin) * p->output.width * p->output.channels);
    tml_box_copy(&p->box, input, output);
}

#endif
