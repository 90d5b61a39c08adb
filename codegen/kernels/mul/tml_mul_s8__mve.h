/* Multiplication with Helium, 8 values at a time: shapes that broadcast, but not along a line. */
#ifndef TML_MUL_S8__MVE_H
#define TML_MUL_S8__MVE_H

#include "tml_mul.h"
#include "tml_mve_bytes.h"

#define TML_MUL_MVE_HALVES(x) \
    "vqrdmulh.s32 " x ", " x ", %[m]\n\t" \
    "vshr.s32 q4, " x ", #31\n\t" \
    "vadd.i32 " x ", " x ", q4\n\t" \
    "vrshl.s32 " x ", %[shift]\n\t"

/* Products rescaled with both of TFLite's roundings, as in tml_mve.h. */
static TML_NOINLINE void tml_mul_s8__mve_line(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *out)
{
    int8_t *values = out;
    int32_t count = p->broadcast.length;
    __asm__ volatile(
        "1:\n\t"
        "vctp.16 %[n]\n\t"
        "vpstt\n\t"
        "vldrbt.s16 q0, [%[a]], #8\n\t"
        "vldrbt.s16 q1, [%[b]], #8\n\t"
        "vsub.i16 q0, q0, %[z0]\n\t"
        "vsub.i16 q1, q1, %[z1]\n\t"
        "vmullb.s16 q2, q0, q1\n\t"
        "vmullt.s16 q3, q0, q1\n\t" TML_MUL_MVE_HALVES("q2") TML_MUL_MVE_HALVES("q3")
        "vqmovnb.s32 q0, q2\n\t"
        "vqmovnt.s32 q0, q3\n\t"
        "vqadd.s16 q0, q0, %[zero]\n\t"
        "vqmovnb.s16 q0, q0\n\t"
        "vpst\n\t"
        "vstrbt.16 q0, [%[o]], #8\n\t"
        "subs %[n], %[n], #8\n\t"
        "bgt 1b"
        : [a] "+l"(input0), [b] "+l"(input1), [o] "+l"(values), [n] "+r"(count)
        : [z0] "r"(p->input0_zero_point), [z1] "r"(p->input1_zero_point), [m] "r"(p->multiplier),
          [shift] "r"(p->shift), [zero] "r"(p->output_zero_point)
        : "q0", "q1", "q2", "q3", "q4", "cc", "memory");
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_mve_clamp(out, p->broadcast.length, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_mul_s8__mve(const tml_mul *p, const int8_t *input0, const int8_t *input1, int8_t *output,
                                   int32_t row_begin, int32_t row_end)
{
    tml_mul_lines(p, input0, input1, output, row_begin, row_end, tml_mul_s8__mve_line);
}

#endif
