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

/* One channel of the image while output row `row` is computed. */
typedef struct {
    const int8_t *image;
    const int8_t *kept; /* rows row - pad_top to row */
    int32_t channel;
    int32_t row;
    tml_taps taps; /* kernel rows inside the image */
    int32_t first; /* image row under taps.begin, */
    int32_t slot;  /* and where it is kept, if it is */
} tml_depthwise_conv2d_inplace;

/* Adds one tap's products to the sums of `count` columns; x: the image column it has under the first of them. Columns
 * of `line` lie `step` apart. */
static inline void tml_depthwise_conv2d_inplace_s8_tap(const tml_depthwise_conv2d *p, const int8_t *line, int32_t step,
                                                       int32_t x, int32_t weight, int32_t count, int32_t *sums)
{
    const int32_t end = tml_min(count, p->input.width - x);
    for (int32_t i = tml_max(-x, 0); i < end; i++) {
        sums[i] += (line[(x + i) * step] - p->input_zero_point) * weight;
    }
}

/* `count` columns, from `left` + pad_left on, of one channel of an output row; `out` is the place of the first. */
static TML_NOINLINE void tml_depthwise_conv2d_inplace_s8_block(const tml_depthwise_conv2d *p,
                                                               const tml_depthwise_conv2d_inplace *at, int32_t left,
                                                               int32_t count, int8_t *out)
{
    int32_t sums[TML_DEPTHWISE_CONV2D_BLOCK] = {0};
    int32_t y = at->first;
    int32_t slot = at->slot;
    for (int32_t ky = at->taps.begin; ky < at->taps.end; ky++) {
        const int32_t step = y <= at->row ? 1 : p->input.channels;
        const int8_t *line = y <= at->row ? at->kept + slot * p->input.width : at->image + y * p->input.width * step;
        for (int32_t kx = 0; kx < p->kernel_w; kx++) {
            const int32_t weight = p->weights[(ky * p->kernel_w + kx) * p->output.channels + at->channel];
            tml_depthwise_conv2d_inplace_s8_tap(p, line, step, left + kx * p->dilation_w, weight, count, sums);
        }
        y += p->dilation_h;
        slot += p->dilation_h;
        slot -= slot > p->pad_top ? p->pad_top + 1 : 0; /* once is enough while y <= row */
    }
    for (int32_t i = 0; i < count; i++) {
        out[i * p->output.channels] = tml_depthwise_conv2d_output(p, sums[i], at->channel);
    }
}

/* One channel, whole. */
static inline void tml_depthwise_conv2d_inplace_s8_channel(const tml_depthwise_conv2d *p, const int8_t *input,
                                                           int8_t *output, int32_t channel, int8_t *scratch)
{
    const int32_t width = p->input.width;
    const int32_t depth = p->input.channels;
    tml_depthwise_conv2d_inplace at = {.image = input + channel, .kept = scratch, .channel = channel};
    for (at.row = 0; at.row < p->input.height; at.row++) {
        const int8_t *in = at.image + at.row * width * depth;
        int8_t *out = output + channel + at.row * width * depth;
        int8_t *newest = scratch + at.row % (p->pad_top + 1) * width;
        for (int32_t x = 0; x < width; x++) {
            newest[x] = in[x * depth];
        }
        at.taps = tml_taps_inside(at.row - p->pad_top, p->kernel_h, p->dilation_h, p->input.height);
        at.first = at.row - p->pad_top + at.taps.begin * p->dilation_h;
        at.slot = at.first % (p->pad_top + 1);
        for (int32_t x = 0; x < width; x += TML_DEPTHWISE_CONV2D_BLOCK) {
            const int32_t count = tml_min(width - x, TML_DEPTHWISE_CONV2D_BLOCK);
            tml_depthwise_conv2d_inplace_s8_block(p, &at, x - p->pad_left, count, out + x * depth);
        }
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
