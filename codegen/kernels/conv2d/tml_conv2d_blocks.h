/* Parameters of the convolutions with Helium. */
#ifndef TML_CONV2D_BLOCKS_H
#define TML_CONV2D_BLOCKS_H

#include "tml_mve_pairs.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t input_zero_point;
    int32_t columns;        /* of the output that are computed together, where windows are put together in lines */
    const uint8_t *spread;  /* [16]: where a line has the bytes of a vector of pixels */
    const int8_t *zeros;    /* [kernel_w][input.channels]: the zero point */
    tml_mve_filters filters;
} tml_conv2d_blocks;

static inline void tml_conv2d_blocks_clamp(const tml_conv2d_blocks *p, int8_t *output, int32_t row_begin,
                                           int32_t row_end)
{
    const int32_t clamps = p->filters.clamp_low > INT8_MIN || p->filters.clamp_high < INT8_MAX;
    for (int32_t row = row_begin; clamps && row < row_end; row++) {
        tml_mve_filters_clamp(&p->filters, tml_row_out(output, &p->output, row),
                              p->output.width * p->output.channels);
    }
}

#endif
