/* Depthwise convolution whose output may be its input: stride 1, output of the input's shape, any dilation.
 *
 * It goes channel by channel, from the top. Writing output row r destroys row r of the input's channel, which rows
 * r to r + pad_top still read: so the channel's last pad_top + 1 input rows are kept in scratch, row y in slot
 * y % (pad_top + 1). Rows below r are read where they lie.
 */
#ifndef TML_DEPTHWISE_CONV2D_INPLACE_S8_H
#define TML_DEPTHWISE_CONV2D_INPLACE_S8_H

#include "tml_depthwise_conv2d.h"

/* Sum over the taps of one kernel row; `line` holds one image row, its pixels `step` apart. */
static inline int32_t tml_depthwise_conv2d_inplace_s8_taps(const tml_depthwise_conv2d *p, const int8_t *line,
                                                           int32_t step, int32_t left, const int8_t *weights)
{
    int32_t sum = 0;
    for (int32_t kx = 0; kx < p->kernel_w; kx++) {
        const int32_t x = left + kx * p->dilation_w;
        if (x >= 0 && x < p->input.width) {
            sum += (line[x * step] - p->input_zero_point) * weights[kx * p->output.channels];
        }
    }
    return sum;
}

/* One channel of output row `row`; `kept` holds input rows row - pad_top to row. */
static inline void tml_depthwise_conv2d_inplace_s8_row(const tml_depthwise_conv2d *p, const int8_t *input,
                                                       int8_t *output, const int8_t *kept, int32_t row,
                                                       int32_t channel)
{
    const int32_t width = p->input.width;
    int8_t *out = tml_row_out(output, &p->output, row) + channel;
    for (int32_t column = 0; column < width; column++) {
        int32_t sum = 0;
        for (int32_t ky = 0; ky < p->kernel_h; ky++) {
            const int32_t y = row - p->pad_top + ky * p->dilation_h;
            if (y < 0 || y >= p->input.height) {
                continue;
            }
            const int8_t *weights = p->weights + ky * p->kernel_w * p->output.channels + channel;
            const int32_t left = column - p->pad_left;
            if (y <= row) {
                const int8_t *line = kept + y % (p->pad_top + 1) * width;
                sum += tml_depthwise_conv2d_inplace_s8_taps(p, line, 1, left, weights);
            } else {
                const int8_t *line = tml_row(input, &p->input, y) + channel;
                sum += tml_depthwise_conv2d_inplace_s8_taps(p, line, p->input.channels, left, weights);
            }
        }
        out[column * p->output.channels] = tml_depthwise_conv2d_output(p, sum, channel);
    }
}

/* Always all rows: row_begin is 0, row_end the height. `scratch` holds (pad_top + 1) * width values. */
static inline void tml_depthwise_conv2d_inplace_s8(const tml_depthwise_conv2d *p, const int8_t *input, int8_t *output,
                                                   int32_t row_begin, int32_t row_end, int8_t *scratch)
{
    for (int32_t channel = 0; channel < p->output.channels; channel++) {
        for (int32_t row = row_begin; row < row_end; row++) {
            const int8_t *line = tml_row(input, &p->input, row) + channel;
            int8_t *kept = scratch + row % (p->pad_top + 1) * p->input.width;
            for (int32_t x = 0; x < p->input.width; x++) {
                kept[x] = line[x * p->input.channels];
            }
            tml_depthwise_conv2d_inplace_s8_row(p, input, output, scratch, row, channel);
        }
    }
}

#endif
