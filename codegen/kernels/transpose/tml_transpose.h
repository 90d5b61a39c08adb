/* Parameters of the transpose kernel. */
#ifndef TML_TRANSPOSE_H
#define TML_TRANSPOSE_H

#include "tml_box.h"

typedef struct {
    tml_view input;
    tml_view output;
    tml_box box; /* the output in its own order, and where each element lies in the input */
} tml_transpose;

#endif
