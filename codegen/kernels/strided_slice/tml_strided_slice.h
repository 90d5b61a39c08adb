/* Parameters of the strided_slice kernels. */
#ifndef TML_STRIDED_SLICE_H
#define TML_STRIDED_SLICE_H

#include "tml_box.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t top;
    int32_t left;
    int32_t front;
    int32_t stride_h; /* strides may be negative */
    int32_t stride_w;
    int32_t stride_c;
} tml_strided_slice;

typedef struct {
    tml_view input;
    tml_view output;
    tml_box box;
} tml_strided_slice_box;

#endif
