/* Copying a box of any number of axes between two layouts. */
#ifndef TML_BOX_H
#define TML_BOX_H

#include "tml_types.h"

#define TML_BOX_AXES 8

/* Element (i, j, ..) goes from input[input_start + i * input_step[0] + j * input_step[1] + ..] to its like in output */
typedef struct {
    int32_t axes;               /* [1, TML_BOX_AXES] */
    int32_t input_start;
    int32_t output_start;
    const int32_t *size;        /* [axes], each at least 1 */
    const int32_t *input_step;  /* [axes] */
    const int32_t *output_step; /* [axes] */
} tml_box;

static inline void tml_box_copy(const tml_box *box, const int8_t *input, int8_t *output)
{
    const int32_t last = box->axes - 1;
    int32_t index[TML_BOX_AXES] = {0};
    int32_t from = box->input_start;
    int32_t to = box->output_start;
    for (;;) {
        for (int32_t i = 0; i < box->size[last]; i++) {
            output[to + i * box->output_step[last]] = input[from + i * box->input_step[last]];
        }
        /* the next position of the outer axes, like an odometer */
        int32_t axis = last - 1;
        for (; axis >= 0; axis--) {
            from += box->input_step[axis];
            to += box->output_step[axis];
            if (++index[axis] < box->size[axis]) {
                break;
            }
            from -= box->input_step[axis] * box->size[axis];
            to -= box->output_step[axis] * box->size[axis];
            index[axis] = 0;
        }
        if (axis < 0) {
            return;
        }
    }
}

#endif
