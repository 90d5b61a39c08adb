/* Parameters of the resize_nearest kernel. */
#ifndef TML_RESIZE_NEAREST_H
#define TML_RESIZE_NEAREST_H

#include "tml_copy.h"

typedef struct {
    tml_view input;
    tml_view output;
    const int32_t *source_row;    /* [output.height], input rows */
    const int32_t *source_column; /* [output.width], input columns */
} tml_resize_nearest;

#endif
