/* Split of an image along width or channels, row by row. */
#ifndef TML_SPLIT_IMAGE_S8_H
#define TML_SPLIT_IMAGE_S8_H

#include "tml_split.h"

/* Rows [row_begin, row_end) of every output. */
static inline void tml_split_image_s8(const tml_split *p, const int8_t *input, int8_t *const outputs[],
                                      int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        for (int32_t i = 0; i < p->output_count; i++) {
            tml_split_part(p, in, i, tml_row_out(outputs[i], &p->outputs[i], row));
        }
    }
}

#endif
