/* Addition of two tensors of one shape with Helium, 8 values at a time. */
#ifndef TML_ADD_FLAT_S8__MVE_H
#define TML_ADD_FLAT_S8__MVE_H

#include "tml_mve.h"
#include "tml_mve_bytes.h"

/* Both operands go to twice the larger scale of the two, 20 bits up. That of the exact one becomes a half, so its value
 * only goes 19 bits up; the scaled one's is rescaled with both of TFLite's roundings, as in tml_mve.h. */
typedef struct {
    tml_view input0;
    tml_view input1;
    tml_view output;
    int32_t exact; /* which of the operands */
    int32_t factor;      /* of the scaled one: 1 << 20, or 1 << 21 with one more bit in shift */
    int32_t offset;      /* -factor * its zero point */
    int32_t multiplier;
    int32_t shift;       /* to the left, below 0, and so is output_shift */
    int32_t exact_offset; /* -(1 << 19) * the exact one's zero point */
    int32_t output_multiplier;
    int32_t output_shift;
    int32_t output_zero_point;
    int32_t clamp_low;
    int32_t clamp_high;
} tml_add_lanes;

#define TML_ADD_LANES_RESCALE(multiplier, shift) \
    "vqrdmulh.s32 q0, q0, " multiplier "\n\t" \
    "vqrdmulh.s32 q1, q1, " multiplier "\n\t" \
    "vshr.s32 q4, q0, #31\n\t" \
    "vshr.s32 q5, q1, #31\n\t" \
    "vadd.i32 q0, q0, q4\n\t" \
    "vadd.i32 q1, q1, q5\n\t" \
    "vrshl.s32 q0, " shift "\n\t" \
    "vrshl.s32 q1, " shift "\n\t"

/* 8 * count values, count at least 1. */
static inline void tml_add_lanes_eights(const tml_add_lanes *p, const int8_t *scaled, const int8_t *exact, int8_t *out,
                                        int32_t count)
{
    const int32_t *const numbers = &p->factor;
    register int32_t eights __asm__("r4") = count;
    __asm__ volatile(
        "dls lr, %[n]\n\t"
        "mov r4, #0x80000\n\t"
        "vdup.32 q7, r4\n\t"
        "ldm %[p], {r4, r5, r6, r8, r9, r10, r11, r12}\n\t"
        "vdup.32 q6, r4\n"
        "1:\n\t"
        "vldrb.s16 q4, [%[a]], #8\n\t"
        "vmovlb.s16 q0, q4\n\t"
        "vmovlt.s16 q1, q4\n\t"
        "vmlas.s32 q0, q6, r5\n\t"
        "vmlas.s32 q1, q6, r5\n\t" TML_ADD_LANES_RESCALE("r6", "r8")
        "vldrb.s16 q4, [%[b]], #8\n\t"
        "vmovlb.s16 q2, q4\n\t"
        "vmovlt.s16 q3, q4\n\t"
        "vmlas.s32 q2, q7, r9\n\t"
        "vmlas.s32 q3, q7, r9\n\t"
        "vadd.i32 q0, q0, q2\n\t"
        "vadd.i32 q1, q1, q3\n\t" TML_ADD_LANES_RESCALE("r10", "r11")
        "vqmovnb.s32 q4, q0\n\t"
        "vqmovnt.s32 q4, q1\n\t"
        "vqadd.s16 q4, q4, r12\n\t"
        "vqmovnb.s16 q4, q4\n\t"
        "vstrb.16 q4, [%[o]], #8\n\t"
        "le lr, 1b"
        : [a] "+l"(scaled), [b] "+l"(exact), [o] "+l"(out), [n] "+r"(eights)
        : [p] "r"(numbers)
        : "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1", "q2", "q3", "q4", "q5", "q6", "q7",
          "memory");
}

static TML_NOINLINE void tml_add_lanes_row(const tml_add_lanes *p, const int8_t *scaled, const int8_t *exact,
                                           int8_t *out, int32_t count)
{
    const int32_t whole = count & ~7;
    const int32_t rest = count & 7;
    int8_t last[2][8];
    if (whole > 0) {
        tml_add_lanes_eights(p, scaled, exact, out, whole / 8);
    }
    if (rest > 0) {
        tml_mve_copy(last[0], scaled + whole, rest);
        tml_mve_copy(last[1], exact + whole, rest);
        tml_add_lanes_eights(p, last[0], last[1], last[0], 1);
        tml_mve_copy(out + whole, last[0], rest);
    }
    if (p->clamp_low > INT8_MIN || p->clamp_high < INT8_MAX) {
        tml_mve_clamp(out, count, p->clamp_low, p->clamp_high);
    }
}

/* Output rows [row_begin, row_end). */
static inline void tml_add_flat_s8__mve(const tml_add_lanes *p, const int8_t *input0, const int8_t *input1,
                                        int8_t *output, int32_t row_begin, int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *const first = tml_row(input0, &p->input0, row);
        const int8_t *const second = tml_row(input1, &p->input1, row);
        tml_add_lanes_row(p, p->exact == 0 ? second : first, p->exact == 0 ? first : second,
                          tml_row_out(output, &p->output, row), p->output.width * p->output.channels);
    }
}

#endif
