/* Sums over pixels, four channels at a time, with the DSP extension. */
#ifndef TML_DSP_SUMS_H
#define TML_DSP_SUMS_H

#include "tml_dsp_bytes.h"

#define TML_DSP_MOST 256 /* bytes whose sum 16 bits hold */

/* Sums of 16 bits: of channels 0 and 2, and of 1 and 3. */
typedef struct {
    int32_t even;
    int32_t odd;
} tml_dsp_fours;

/* Adds four channels of `count` pixels, `step` bytes apart; count at least 1. */
static inline tml_dsp_fours tml_dsp_sum_pixels(tml_dsp_fours sums, const int8_t *pixel, int32_t step, int32_t count)
{
    if (count & 1) {
        const int32_t word = tml_dsp_word(pixel);
        sums.even = tml_dsp_add_even(sums.even, word);
        sums.odd = tml_dsp_add_odd(sums.odd, word);
        pixel += step;
    }
    for (int32_t pairs = count >> 1; pairs > 0; pairs--) {
        const int32_t word = tml_dsp_word(pixel);
        const int32_t next = tml_dsp_word(pixel + step);
        pixel += 2 * step;
        sums.even = tml_dsp_add_even(tml_dsp_add_even(sums.even, word), next);
        sums.odd = tml_dsp_add_odd(tml_dsp_add_odd(sums.odd, word), next);
    }
    return sums;
}

/* Adds them to four sums of 32 bits. */
static inline void tml_dsp_fold(tml_dsp_fours fours, int32_t *sums)
{
    sums[0] += (int16_t)(fours.even & 0xffff);
    sums[1] += (int16_t)(fours.odd & 0xffff);
    sums[2] += fours.even >> 16;
    sums[3] += fours.odd >> 16;
}

/* Adds four channels of any number of pixels to four sums of 32 bits. */
static inline void tml_dsp_sum_many(const int8_t *pixel, int32_t step, int32_t count, int32_t *sums)
{
    while (count > 0) {
        const int32_t part = tml_min(count, TML_DSP_MOST);
        tml_dsp_fold(tml_dsp_sum_pixels((tml_dsp_fours){0, 0}, pixel, step, part), sums);
        pixel += part * step;
        count -= part;
    }
}

#endif
