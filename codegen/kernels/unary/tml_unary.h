/* Parameters of the unary kernel. */
#ifndef TML_UNARY_H
#define TML_UNARY_H

#include "tml_types.h"

typedef struct {
    tml_view input;
    tml_view output;
    const int8_t *table; /* [256]: the output for each input value, -128 first */
} tml_unary;

#endif
