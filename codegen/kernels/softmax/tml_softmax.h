/* Parameters of the softmax kernel. */
#ifndef TML_SOFTMAX_H
#define TML_SOFTMAX_H

#include "tml_fixed_point.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t exp_count;        /* [1, 256] */
    const int32_t *exp_table; /* [exp_count]: exp(-i * beta * scale) in Q0; what follows rounds to 0 everywhere */
} tml_softmax;

#endif
