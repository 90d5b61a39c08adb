/* Parameters of the reshape kernel. */
#ifndef TML_RESHAPE_H
#define TML_RESHAPE_H

#include "tml_copy.h"

typedef struct {
    tml_view input;
    tml_view output;
} tml_reshape;

#endif
