/* Depthwise convolution with the DSP extension whose output may be its input: stride 1, output of the input's shape, a
 * multiple of 4 channels.
 *
 * It goes from the top through 4 channels at a time. Writing output row r destroys row r of the input's channels, which
 * rows r to r + pad_top still read: so their last pad_top + 1 input rows are kept in scratch. Rows below r are read
 * where they lie.
 */
#ifndef TML_DEPTHWISE_CONV2D_INPLACE_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_INPLACE_S8__DSP_H

#include "tml_depthwise_conv2d_blocks.h"

/* Output rows [row_begin, row_end), which must be all of them. */
static inline void tml_depthwise_conv2d_inplace_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                        int8_t *output, int32_t row_begin, int32_t row_end,
                                                        void *scratch)
{
    const int32_t channels = p->input.channels;
    int8_t *const kept = scratch;
    for (int32_t block = 0; block * 4 < channels; block++) {
        for (int32_t row = row_begin; row < row_end; row++) {
            const int32_t start = row * p->input.width * channels + block * 4;
            int8_t *slot = kept + row % (p->pad_top + 1) * p->input.width * 4;
            for (int32_t x = 0; x < p->input.width; x++) {
                tml_dsp_copy_word(slot + 4 * x, input + start + x * channels);
            }
            const tml_depthwise_conv2d_source source = {.image = input + block * 4, .kept = kept, .row = row};
            tml_depthwise_conv2d_block_row(p, &source, block, row, output + start);
        }
    }
}

#endif
