/* Parameters of the split kernels. */
#ifndef TML_SPLIT_H
#define TML_SPLIT_H

#include "tml_copy.h"

/* `repeats` times one chunk for each output in turn: in each row (tml_split_image_s8), or in all (tml_split_s8). */
typedef struct {
    tml_view input;
    const tml_view *outputs;
    int32_t output_count;
    int32_t repeats;
    int32_t chunk; /* bytes */
} tml_split;

/* Output i's chunks from the input at `in`, laid one after the other at `out`. */
static inline void tml_split_part(const tml_split *p, const int8_t *in, int32_t i, int8_t *out)
{
    for (int32_t k = 0; k < p->repeats; k++) {
        tml_copy(out + k * p->chunk, in + (k * p->output_count + i) * p->chunk, p->chunk);
    }
}

#endif
