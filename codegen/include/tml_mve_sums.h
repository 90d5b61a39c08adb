/* Sums over pixels, 16 channels at a time, with Helium. */
#ifndef TML_MVE_SUMS_H
#define TML_MVE_SUMS_H

#include "tml_types.h"

#define TML_MVE_MOST 256 /* bytes whose sum 16 bits hold */

/* Adds 16 channels of `count` pixels, `step` bytes apart, to sums[16]; count at least 1, and TML_MVE_MOST in all. */
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

/* Adds 16 channels of any number of pixels to sums[16]. */
static inline void tml_mve_sum_many(const int8_t *pixel, int32_t step, int32_t count, int32_t *sums)
{
    while (count > 0) {
        const int32_t part = tml_min(count, TML_MVE_MOST);
        int16_t parts[16] = {0};
        const int16_t *from = parts;
        int32_t *to = sums;
        tml_mve_sum_pixels(pixel, step, part, parts);
        __asm__ volatile(
            "dls lr, %[n]\n"
            "1:\n\t"
            "vldrh.s32 q0, [%[from]], #8\n\t"
            "vldrw.u32 q1, [%[to]]\n\t"
            "vadd.i32 q0, q0, q1\n\t"
            "vstrw.32 q0, [%[to]], #16\n\t"
            "le lr, 1b"
            : [from] "+l"(from), [to] "+r"(to)
            : [n] "r"(4)
            : "lr", "q0", "q1", "memory");
        pixel += part * step;
        count -= part;
    }
}

/* Rescales `count` sums with both of TFLite's roundings, as in tml_mve.h; shift: to the left, below 0. */
static inline void tml_mve_rescale(const int32_t *sums, int32_t count, int32_t multiplier, int32_t shift,
                                   int32_t zero_point, int8_t *out)
{
    __asm__ volatile(
        "dlstp.32 lr, %[n]\n"
        "1:\n\t"
        "vldrw.u32 q0, [%[sums]], #16\n\t"
        "vqrdmulh.s32 q0, q0, %[m]\n\t"
        "vshr.s32 q1, q0, #31\n\t"
        "vadd.i32 q0, q0, q1\n\t"
        "vrshl.s32 q0, %[shift]\n\t"
        "vqadd.s32 q0, q0, %[zero]\n\t"
        "vqmovnb.s32 q0, q0\n\t"
        "vqmovnb.s16 q0, q0\n\t"
        "vstrb.32 q0, [%[out]], #4\n\t"
        "letp lr, 1b"
        : [sums] "+r"(sums), [out] "+l"(out)
        : [n] "r"(count), [m] "r"(multiplier), [shift] "r"(shift), [zero] "r"(zero_point)
        : "lr", "q0", "q1", "memory");
}

#endif
