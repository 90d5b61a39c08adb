/* Depthwise convolution whose output may be its input: stride 1, output of the input's shape, any dilation.
 *
 * It goes channel by channel, from the top. Writing output row r destroys row r of the input's channel, which rows
 * r to r + pad_top still read: so the channel's last pad_top + 1 input rows are kept in scratch, row y in slot
 * y % (pad_top + 1). Rows below r are read where they lie.
 */
#ifndef TML_DEPTHWISE_CONV2D_INPLACE_S8_H
#define TML_DEPTHWISE_CONV2D_INPLACE_S8_H

#include "tml_depthwise_conv2d.h"
#include "tml_window.h"

/* Sum over the taps of one kernel row; `line` holds one image row, its pixels `step` apart. */
static inline int32_t tml_depthwise_conv2d_inplace_s8_taps(const tml_depthwise_conv2d *p, const int8_t *line,
                                                           int32_t step, int32_t left, tml_taps columns,
                                                           const int8_t *weights)
{
    int32_t sum = 0;
    for (int32_t kx = columns.begin; kx < columns.end; kx++) {
        sum += (line[(left + kx * p->dilation_w) * step] - p->input_zero_point) * weights[kx * p->output.channels];
    }
    return sum;
}

/* Sum of products at column `left` + pad_left of output row `row`; `kept` holds input rows row - pad_top to row.
 * `image` and `weights` begin at the channel. */
static inline int32_t tml_depthwise_conv2d_inplace_s8_sum(const tml_depthwise_conv2d *p, const int8_t *image,
                                                          const int8_t *kept, int32_t row, tml_taps rows,
                                                          int32_t left, const int8_t *weights)
{
    const tml_taps columns = tml_taps_inside(left, p->kernel_w, p->dilation_w, p->input.width);
    const int32_t weights_step = p->kernel_w * p->output.channels;
    const int32_t slots = p->pad_top + 1;
    int32_t y = row - p->pad_top + rows.begin * p->dilation_h;
    int32_t slot = y % slots;
    int32_t sum = 0;
    for (int32_t ky = rows.begin; ky < rows.end; ky++) {
        const int8_t *line = y <= row ? kept + slot * p->input.width : tml_row(image, &p->input, y);
        const int32_t step = y <= row ? 1 : p->input.channels;
        sum += tml_depthwise_conv2d_inplace_s8_taps(p, line, step, left, columns, weights + ky * weights_step);
        y += p->dilation_h;
        slot += p->dilation_h;
        slot -= slot >= slots ? slots : 0; /* enough while y <= row: a row that is kept is no slot's second turn away */
    }
    return sum;
}

/* One channel of output row `row`. */
static inline void tml_depthwise_conv2d_inplace_s8_row(const tml_depthwise_conv2d *p, const int8_t *input,
                                                       int8_t *output, const int8_t *kept, int32_t row,
                                                       int32_t channel)
{
    const tml_taps rows = tml_taps_inside(row - p->pad_top, p->kernel_h, p->dilation_h, p->input.height);
    int8_t *out = tml_row_out(output, &p->output, row) + channel;
    for (int32_t column = 0; column < p->output.width; column++) {
        const int32_t sum = tml_depthwise_conv2d_inplace_s8_sum(p, input + channel, kept, row, rows,
                                                                column - p->pad_left, p->weights + channel);
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
