/* Parameters of the matrix products with constant weights with Helium, and their loop. */
#ifndef TML_FULLY_CONNECTED_BLOCKS_H
#define TML_FULLY_CONNECTED_BLOCKS_H

#include "tml_mve_one.h"

/* Features at most, unless they are a multiple of 16. */
#define TML_FULLY_CONNECTED_FEATURES 256

typedef struct {
    tml_view input;
    tml_view output;
    int32_t features;      /* values each output value is a sum over */
    const int32_t *biases; /* where filters come in eights: see tml_mve_filters_eights */
    tml_mve_filters filters;
} tml_fully_connected_blocks;

/* eights: whether filters come in eights. Every kernel says it by a constant. */
static inline void tml_fully_connected_filters(const tml_fully_connected_blocks *p, const int8_t *input, int8_t *out,
                                               int32_t eights)
{
    if (eights) {
        tml_mve_filters_eights(&p->filters, p->biases, input, out);
    } else {
        tml_mve_filters_one(&p->filters, input, out);
    }
}

/* All output values from features that would end within a vector. */
static TML_NOINLINE void tml_fully_connected_copied(const tml_fully_connected_blocks *p, const int8_t *input,
                                                    int8_t *out, int32_t eights)
{
    int8_t copy[TML_FULLY_CONNECTED_FEATURES];
    tml_mve_copy(copy, input, p->features);
    tml_fully_connected_filters(p, copy, out, eights);
}

/* Output rows [row_begin, row_end). An output of several rows is an image whose rows are those of the input; one of a
 * single row reads the whole input, which then lies in one piece. */
static inline void tml_fully_connected_rows(const tml_fully_connected_blocks *p, const int8_t *input, int8_t *output,
                                            int32_t row_begin, int32_t row_end, int32_t eights)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        for (int32_t column = 0; column < p->output.width; column++) {
            int8_t *const at = out + column * p->output.channels;
            if (p->features % 16 == 0) {
                tml_fully_connected_filters(p, in + column * p->features, at, eights);
            } else {
                tml_fully_connected_copied(p, in + column * p->features, at, eights);
            }
        }
        tml_mve_filters_clamp(&p->filters, out, p->output.width * p->output.channels);
    }
}

#endif
