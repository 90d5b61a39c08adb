/* Parameters of the pad kernels. */
#ifndef TML_PAD_H
#define TML_PAD_H

#include "tml_box.h"
#include "tml_copy.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t value;
    int32_t top;
    int32_t left;
    int32_t front; /* channels of border before each pixel's own */
} tml_pad;

typedef struct {
    tml_view input;
    tml_view output;
    int32_t value;
    tml_box box; /* where the input lies in the output */
} tml_pad_box;

#endif
