/* Depthwise convolution with the DSP extension whose output may be its input: stride 1, output of the input's shape,
 * 4 channels or more, windows of other than 3 x 3 taps.
 *
 * It goes from the top through 4 channels at a time. Writing output row r destroys row r of the input's channels, which
 * rows r to r + pad_top still read: so their last pad_top + 1 input rows are kept in scratch. Rows below r are read
 * where they lie.
 */
#ifndef TML_DEPTHWISE_CONV2D_INPLACE_S8__DSP_H
#define TML_DEPTHWISE_CONV2D_INPLACE_S8__DSP_H

#include "tml_depthwise_conv2d_blocks.h"

/* Keeps row `row` of a block of channels. kept: [pad_top + 1][width][4], row y in slot y % (pad_top + 1). */
static inline void tml_depthwise_conv2d_inplace_keep(const tml_depthwise_conv2d_blocks *p, const int8_t *image,
                                                     int8_t *kept, int32_t row)
{
    const int8_t *from = image + row * p->input.width * p->input.channels;
    int8_t *to = kept + row % (p->pad_top + 1) * p->input.width * 4;
    for (int32_t x = 0; x < p->input.width; x++) {
        tml_dsp_copy_word(to, from);
        to += 4;
        from += p->input.channels;
    }
}

/* Output columns from `column` on of one row of the block of channels that `image` begins with. */
static TML_NOINLINE void tml_depthwise_conv2d_inplace_part(const tml_depthwise_conv2d_blocks *p, const int8_t *image,
                                                           const int8_t *kept, int8_t *out, int32_t row,
                                                           int32_t column, int32_t block, int32_t three)
{
    tml_depthwise_conv2d_window window;
    tml_depthwise_conv2d_window_set(p, column, tml_depthwise_conv2d_channel(p, block), &window);
    window.written = block * 4 - window.channel;
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
        const int32_t y = row - p->pad_top + ky;
        const int32_t slot = y % (p->pad_top + 1);
        if (y >= 0 && y <= row) {
            window.rows[ky] = (tml_dsp_line){kept + (slot * p->input.width + window.first) * 4, 4};
        } else if (y > row && y < p->input.height) {
            const int8_t *at = image + (y * p->input.width + window.first) * p->input.channels;
            window.rows[ky] = (tml_dsp_line){at, p->input.channels};
        }
    }
    tml_depthwise_conv2d_columns(p, &window, block, block + 1, out, three);
}

static inline void tml_depthwise_conv2d_inplace_rows(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                     int8_t *output, int32_t row_begin, int32_t row_end,
                                                     int8_t *scratch, int32_t three)
{
    const int32_t channels = p->input.channels;
    for (int32_t block = 0; block * 4 < channels; block++) {
        const int8_t *image = input + tml_depthwise_conv2d_channel(p, block);
        for (int32_t row = row_begin; row < row_end; row++) {
            tml_depthwise_conv2d_inplace_keep(p, image, scratch, row);
            for (int32_t column = 0; column < p->output.width; column += TML_DSP_COLUMNS) {
                tml_depthwise_conv2d_inplace_part(p, image, scratch,
                                                  output + (row * p->output.width + column) * channels, row, column,
                                                  block, three);
            }
        }
    }
}

/* Output rows [row_begin, row_end), which must be all of them. */
static inline void tml_depthwise_conv2d_inplace_s8__dsp(const tml_depthwise_conv2d_blocks *p, const int8_t *input,
                                                        int8_t *output, int32_t row_begin, int32_t row_end,
                                                        void *scratch)
{
    tml_depthwise_conv2d_inplace_rows(p, input, output, row_begin, row_end, scratch, 0);
}

#endif
