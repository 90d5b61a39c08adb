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

/* One channel's image while output row `row` is computed. */
typedef struct {
    const int8_t *image;
    const int8_t *kept; /* rows row - pad_top to row */
    int32_t row;
    tml_taps taps; /* kernel rows inside the image */
    int32_t first; /* image row under taps.begin */
    int32_t slot;  /* of that row, if it is kept */
} tml_depthwise_conv2d_inplace;

/* Sum of products of the window whose first column is `left`; filter: the channel's first weight. */
static inline int32_t tml_depthwise_conv2d_inplace_s8_sum(const tml_depthwise_conv2d *p,
                                                          const tml_depthwise_conv2d_inplace *at, int32_t left,
                                                          const int8_t *filter)
{
    const tml_taps columns = tml_taps_inside(left, p->kernel_w, p->dilation_w, p->input.width);
    int32_t y = at->first;
    int32_t slot = at->slot;
    int32_t sum = 0;
    for (int32_t ky = at->taps.begin; ky < at->taps.end; ky++) {
        const int32_t step = y <= at->row ? 1 : p->input.channels;
        const int8_t *line = y <= at->row ? at->kept + slot * p->input.width : at->image + y * p->input.width * step;
        const int8_t *weights = filter + ky * p->kernel_w * p->output.channels;
        for (int32_t kx = columns.begin; kx < columns.end; kx++) {
            const int32_t x = left + kx * p->dilation_w;
            sum += (line[x * step] - p->input_zero_point) * weights[kx * p->output.channels];
        }
        y += p->dilation_h;
        slot += p->dilation_h;
        slot -= slot > p->pad_top ? p->pad_top + 1 : 0; /* once is enough up to y == row */
    }
    return sum;
}

/* One channel of output row at->row; `out` is the channel of its first pixel. */
static TML_NOINLINE void tml_depthwise_conv2d_inplace_s8_row(const tml_depthwise_conv2d *p,
                                                             const tml_depthwise_conv2d_inplace *at, int32_t channel,
                                                             int8_t *out)
{
    for (int32_t column = 0; column < p->output.width; column++) {
        const int32_t sum =
            tml_depthwise_conv2d_inplace_s8_sum(p, at, column - p->pad_left, p->weights + channel);
        out[column * p->output.channels] = tml_depthwise_conv2d_output(p, sum, channel);
    }
}

/* One channel, whole. */
static inline void tml_depthwise_conv2d_inplace_s8_channel(const tml_depthwise_conv2d *p, const int8_t *input,
                                                           int8_t *output, int32_t channel, int8_t *scratch)
{
    const int32_t depth = p->input.channels;
    tml_depthwise_conv2d_inplace at = {.image = input + channel, .kept = scratch};
    for (at.row = 0; at.row < p->input.height; at.row++) {
        const int32_t top = at.row - p->pad_top;
        const int32_t offset = at.row * p->input.width * depth;
        int8_t *newest = scratch + at.row % (p->pad_top + 1) * p->input.width;
        for (int32_t x = 0; x < p->input.width; x++) {
            newest[x] = at.image[offset + x * depth];
        }
        at.taps = tml_taps_inside(top, p->kernel_h, p->dilation_h, p->input.height);
        at.first = top + at.taps.begin * p->dilation_h;
        at.slot = at.first % (p->pad_top + 1);
        tml_depthwise_conv2d_inplace_s8_row(p, &at, channel, output + channel + offset);
    }
}

/* Always all rows: row_begin is 0, row_end the height. `scratch` holds (pad_top + 1) * width values. */
static inline void tml_depthwise_conv2d_inplace_s8(const tml_depthwise_conv2d *p, const int8_t *input, int8_t *output,
                                                   int32_t row_begin, int32_t row_end, int8_t *scratch)
{
    (void)row_begin;
    (void)row_end;
    for (int32_t channel = 0; channel < p->output.channels; channel++) {
        tml_depthwise_conv2d_inplace_s8_channel(p, input, output, channel, scratch);
    }
}

#endif
