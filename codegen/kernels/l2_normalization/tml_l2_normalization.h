/* Parameters of the l2_normalization kernel. */
#ifndef TML_L2_NORMALIZATION_H
#define TML_L2_NORMALIZATION_H

#include "tml_fixed_point.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t input_zero_point;
} tml_l2_normalization;

#endif
