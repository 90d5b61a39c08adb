/* Parameters of the resize_bilinear kernel. */
#ifndef TML_RESIZE_BILINEAR_H
#define TML_RESIZE_BILINEAR_H

#include "tml_types.h"

/* Output position i along a side is input position i * scale + offset, in 1/1024 pixels. */
typedef struct {
    tml_view input;
    tml_view output;
    int32_t scale_h;
    int32_t scale_w;
    int32_t offset_h;
    int32_t offset_w;
} tml_resize_bilinear;

#endif
