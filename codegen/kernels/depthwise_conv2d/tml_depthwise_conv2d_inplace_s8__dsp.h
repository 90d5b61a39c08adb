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

/* Keeps row `row` of a block of channels, and says where all rows under the taps are. kept: [pad_top + 1][width][4],
 * row y in slot y % (pad_top + 1). */
static inline void tml_depthwise_conv2d_inplace_keep(const tml_depthwise_conv2d_blocks *p, const int8_t *image,
                                                     int8_t *kept, int32_t row, tml_depthwise_conv2d_rows *rows)
{
    const int32_t slots = p->pad_top + 1;
    const int32_t row_bytes = p->input.width * p->input.channels;
    int8_t *slot = kept + row % slots * p->input.width * 4;
    for (int32_t i = 0; i < row_bytes; i += p->input.channels) {
        tml_dsp_copy_word(slot, image + row * row_bytes + i);
        slot += 4;
    }
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = row - p->pad_top + ky;
        rows->lines[ky] = tml_depthwise_conv2d_zeros(rows);
        if (y >= 0 && y <= row) {
            rows->lines[ky] = (tml_dsp_line){kept + y % slots * p->input.width * 4, 4};
        } else if (y > row && y < p->input.height) {
            rows->lines[ky] = (tml_dsp_line){image + y * row_bytes, p->input.channels};
        }
    }
}

/* Output rows [row_begin, row_end), which must be all of them. */
static TML_NOINLINE void tml_depthwise_conv2d_inplace_rows(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                           int8_t *output, int32_t row_begin, int32_t row_end,
                                                           int8_t *kept)
{
    tml_depthwise_conv2d_rows rows;
    tml_depthwise_conv2d_clear(p, &rows);
    for (int32_t channel = 0; channel < p->input.channels; channel += 4) {
        for (int32_t row = row_begin; row < row_end; row++) {
            tml_depthwise_conv2d_inplace_keep(p, input + channel, kept, row, &rows);
            tml_depthwise_conv2d_block_row(p, &rows, channel / 4, 0,
                                           output + row * p->output.width * p->output.channels + channel);
        }
    }
}

static inline void tml_depthwise_conv2d_inplace_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                        int8_t *output, int32_t row_begin, int32_t row_end,
                                                        void *scratch)
{
    tml_depthwise_conv2d_inplace_rows(p, input, output, row_begin, row_end, scratch);
}

#endif
