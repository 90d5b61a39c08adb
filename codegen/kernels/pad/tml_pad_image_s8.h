/* A border around an image: rows, columns and channels. */
#ifndef TML_PAD_IMAGE_S8_H
#define TML_PAD_IMAGE_S8_H

#include "tml_pad.h"

/* An output row around one input row. */
static inline void tml_pad_image_s8_row(const tml_pad *p, const int8_t *in, int8_t *out)
{
    const int32_t depth = p->output.channels;
    const int32_t right = p->output.width - p->left - p->input.width;
    tml_fill(out, p->value, p->left * depth);
    out += p->left * depth;
    if (depth == p->input.channels) {
        tml_copy(out, in, p->input.width * depth);
        out += p->input.width * depth;
    } else {
        for (int32_t column = 0; column < p->input.width; column++) {
            tml_fill(out, p->value, depth);
            tml_copy(out + p->front, in, p->input.channels);
            in += p->input.channels;
            out += depth;
        }
    }
    tml_fill(out, p->value, right * depth);
}

/* Output rows [row_begin, row_end). */
static inline void tml_pad_image_s8(const tml_pad *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                    int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int32_t y = row - p->top;
        int8_t *out = tml_row_out(output, &p->output, row);
        if (y < 0 || y >= p->input.height) {
            tml_fill(out, p->value, p->output.width * p->output.channels);
        } else {
            tml_pad_image_s8_row(p, tml_row(input, &p->input, y), out);
        }
    }
}

#endif
