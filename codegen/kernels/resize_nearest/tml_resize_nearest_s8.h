/* Reference resize_nearest: the sources were computed with TFLite's float32 arithmetic when this was generated. */
#ifndef TML_RESIZE_NEAREST_S8_H
#define TML_RESIZE_NEAREST_S8_H

#include "tml_resize_nearest.h"

/* Output rows [row_begin, row_end). */
static inline void tml_resize_nearest_s8(const tml_resize_nearest *p, const int8_t *input, int8_t *output,
                                         int32_t row_begin, int32_t row_end)
{
    const int32_t depth = p->output.channels;
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, p->source_row[row]);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            tml_copy(out + column * depth, in + p->source_column[column] * depth, depth);
        }
    }
}

#endif
