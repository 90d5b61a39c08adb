/* Sums over pixels, 16 channels at a time, with Helium. */
#ifndef TML_MVE_SUMS_H
#define TML_MVE_SUMS_H

#include "tml_types.h"

/* Adds 16 channels of `count` pixels, `step` bytes apart, to sums[16], which hold up to 256 bytes each; count at least
 * 1. */
static inline void tml_mve_sum_pixels(const int8_t *pixel, int32_t step, int32_t count, int16_t *sums)
{
    __asm__ volatile(
        "vldrh.u16 q0, [%[s]]\n\t"
        "vldrh.u16 q1, [%[s], #16]\n\t"
        "dls lr, %[n]\n"
        "1:\n\t"
        "vldrb.s16 q2, [%[p]]\n\t"
        "vadd.i16 q0, q0, q2\n\t"
        "vldrb.s16 q3, [%[p], #8]\n\t"
        "vadd.i16 q1, q1, q3\n\t"
        "add %[p], %[p], %[step]\n\t"
        "le lr, 1b\n\t"
        "vstrh.16 q0, [%[s]]\n\t"
        "vstrh.16 q1, [%[s], #16]"
        : [p] "+l"(pixel)
        : [s] "r"(sums), [step] "r"(step), [n] "r"(count)
        : "lr", "q0", "q1", "q2", "q3", "memory");
}

#endif
