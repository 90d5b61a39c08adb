/* The DSP extension of Armv7E-M and Armv8-M: two 16-bit products per instruction.
 *
 * Twin of tests/dsp_host/tml_dsp.h, which says the same in portable C for hosts: change both or neither. The loops are
 * assembler because they need every register and loads of several words, which compilers do not give them: there is
 * none left for a frame pointer. Words are loaded at any address: these cores do that in hardware.
 *
 * Two filters share an accumulator. A half word of packed weights is 256 * odd filter + even filter, so that its product
 * adds to both sums at once, and its low byte is the even filter, whose sum is also kept alone. So four weights take four
 * bytes of flash and one instruction to unpack.
 *
 * Rescaling. TFLite rounds twice: x = round(sum * multiplier / 2**31), halves up, then round(x / 2**shift), halves away
 * from zero. The second is (x - (x < 0) + 2**(shift - 1)) >> shift, and x < 0 where sum < 0 (or x is 0, and the result
 * the same). So half and zero point are one constant that SMMLAR adds to the first product, the sign of the sum corrects
 * it, and a shift ends it: 6 instructions a value. codegen/kernels/dsp.py accepts only shifts in [1, 22] and sums below
 * 2**30, and shared ones below 2**23, for which nothing overflows, and proves it from weights and bias.
 */
#ifndef TML_DSP_H
#define TML_DSP_H

#include "tml_types.h"

#if defined(__GNUC__) && !defined(__clang__) && !defined(__OPTIMIZE__)
#error "compile the model's .c with -Og, -O1 or more, without -fno-omit-frame-pointer: the kernels need all registers"
#endif

/* Single instructions. (multiplier * doubled + (offset << 32) + 2**31) >> 32: with doubled = 2 * sum, TFLite's rounding
 * high product of the sum, plus offset. */
static inline int32_t tml_dsp_multiply(int32_t doubled, int32_t multiplier, int32_t offset)
{
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(doubled), "r"(multiplier), "r"(offset));
    return result;
}

/* value clamped to int8. */
static inline int32_t tml_dsp_saturate(int32_t value)
{
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(value) : "cc");
    return result;
}

/* value >> count, count in [0, 31]. */
static inline int32_t tml_dsp_shift_right(int32_t value, int32_t count)
{
    int32_t result;
    __asm__("asr %0, %1, %2" : "=r"(result) : "r"(value), "r"(count));
    return result;
}

/* What pairs of filters are applied to, and where the results go. What is not of x moves as it runs. */
typedef struct {
    int8_t *out[2];         /* of both pixels; a third is as far from the second as that from the first */
    const int8_t *out_end;  /* of the first pixel */
    int32_t zero;           /* 2 * zero point of the output + 1 */
    const int32_t *x;       /* words of int16 pairs */
    int32_t skip;           /* see tml_dsp_skip */
    const int32_t *x_end;
    const int32_t *scaling; /* [pairs][4]: bias << 8 | (shift to the right - 1) of both filters, their Q31 multipliers */
    const int32_t *weights;
    int32_t *sums;          /* of tml_dsp_add_two and tml_dsp_store_two */
    const int32_t *sums_end;
} tml_dsp_block;

_Static_assert(sizeof(tml_dsp_block) == 44, "the assembler counts on these offsets");

/* Bytes of code of a group, all of whose instructions take 4: so many pixels by so many filters. */
#define TML_DSP_CODE_3X2 68
#define TML_DSP_CODE_2X2 48
#define TML_DSP_CODE_1X2 32
#define TML_DSP_CODE_1X4 64

/* Loops are unrolled by four groups, and entered behind so many bytes of the first round that the last one is whole. */
static inline int32_t tml_dsp_skip(int32_t groups, int32_t code)
{
    return (-groups & 3) * code;
}

/* `group` from x (r11) to its end; temp is free between groups. Adding to pc, it is what lies behind the nop. */
#define TML_DSP_GROUPS(group, temp) \
    "ldrd r11, " temp ", [r7, #16]\n\t" \
    "add pc, " temp "\n\t" \
    "nop\n" \
    "1:\n\t" group group group group \
    "ldr " temp ", [r7, #24]\n\t" \
    "cmp r11, " temp "\n\t" \
    "bne 1b\n\t"

/* Makes 2 * sum (`twice`) and rescales it. Destroys temp. */
#define TML_DSP_RESCALE(twice, sum, multiplier, shift, offset, temp) \
    twice "\n\t" \
    "add " temp ", " offset ", " sum ", asr #31\n\t" \
    "smmlar " sum ", " sum ", " multiplier ", " temp "\n\t" \
    "asr " sum ", " sum ", " shift "\n\t" \
    "ssat " sum ", #8, " sum ", asr #1\n\t"

/* The same, and stores it at `out`, the rest of an address. */
#define TML_DSP_STORE(twice, sum, multiplier, shift, offset, temp, out) \
    TML_DSP_RESCALE(twice, sum, multiplier, shift, offset, temp) "strb " sum ", [" out "\n\t"

/* Rescales the even filter of a pair, and the odd one, which goes into the byte above. A shift is the low byte of its
 * register, which is all that a shift looks at. */
#define TML_DSP_EVEN(even, multiplier, shift, offset, temp) \
    TML_DSP_RESCALE("lsl " even ", " even ", #1", even, multiplier, shift, offset, temp)
#define TML_DSP_ODD(even, both, multiplier, shift, offset, temp) \
    TML_DSP_RESCALE("asr " both ", " both ", #7", both, multiplier, shift, offset, temp) \
    "bfi " even ", " both ", #8, #8\n\t"

/* From bias << 8 | (shift - 1) of both filters the even one's bias, and that plus 256 times the odd one's; the latter's
 * shift stays below it, and TML_DSP_ODD shifts it out. */
#define TML_DSP_BIASES "asr r0, r0, #8\n\t" "add r1, r1, r0\n\t"

/* The loops need 14 registers. A compiler may keep its frame in r7 and has none to spare then: so it hands over a pointer
 * in lr, which they need too, and they take r7 and give it back. */
#define TML_DSP_ENTER "push {r7}\n\t" "mov r7, lr\n\t"
#define TML_DSP_LEAVE "pop {r7}"

#define TML_DSP_CLOBBERED \
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory"

/* 4 products with each of 2 filters for 3 pixels: 17 instructions. */
#define TML_DSP_HALF_3X2(weights) \
    "ldmia r11!, {r8, r9, r10}\n\t" \
    "smlad r1, r8, " weights ", r1\n\t" \
    "smlad r3, r9, " weights ", r3\n\t" \
    "smlad r5, r10, " weights ", r5\n\t" \
    "sxtb16 " weights ", " weights "\n\t" \
    "smlad r0, r8, " weights ", r0\n\t" \
    "smlad r2, r9, " weights ", r2\n\t" \
    "smlad r4, r10, " weights ", r4\n\t"
#define TML_DSP_GROUP_3X2 "ldrd r6, r12, [lr], #8\n\t" TML_DSP_HALF_3X2("r6") TML_DSP_HALF_3X2("r12")

/* All pairs of filters on three pixels. x: groups of 6 words from tml_dsp_widen_three. weights: per pair and group 2
 * words. */
static inline void tml_dsp_filter_three(tml_dsp_block *block)
{
    register tml_dsp_block *c __asm__("lr") = block;
    __asm__ volatile(
        TML_DSP_ENTER
        "ldr lr, [r7, #32]\n"
        "5:\n\t"
        "ldr r11, [r7, #28]\n\t"
        "ldrd r0, r1, [r11]\n\t" TML_DSP_BIASES
        "mov r2, r0\n\t"
        "mov r3, r1\n\t"
        "mov r4, r0\n\t"
        "mov r5, r1\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_3X2, "r6")
        "ldr r11, [r7, #28]\n\t"
        "ldrd r6, r8, [r11, #8]\n\t"
        "ldrd r9, r10, [r11], #16\n\t"
        "str r11, [r7, #28]\n\t"
        "ldr r11, [r7, #12]\n\t"
        "sub r1, r1, r0\n\t"
        "sub r3, r3, r2\n\t"
        "sub r5, r5, r4\n\t"
        "lsl r11, r11, r9\n\t"
        TML_DSP_EVEN("r0", "r6", "r9", "r11", "r12")
        TML_DSP_EVEN("r2", "r6", "r9", "r11", "r12")
        TML_DSP_EVEN("r4", "r6", "r9", "r11", "r12")
        "ldr r11, [r7, #12]\n\t"
        "lsl r11, r11, r10\n\t"
        TML_DSP_ODD("r0", "r1", "r8", "r10", "r11", "r12")
        TML_DSP_ODD("r2", "r3", "r8", "r10", "r11", "r12")
        TML_DSP_ODD("r4", "r5", "r8", "r10", "r11", "r12")
        "ldmia r7, {r8, r9, r10}\n\t"
        "sub r11, r9, r8\n\t"
        "strh r4, [r9, r11]\n\t"
        "strh r0, [r8], #2\n\t"
        "strh r2, [r9], #2\n\t"
        "strd r8, r9, [r7]\n\t"
        "cmp r8, r10\n\t"
        "bne 5b\n\t"
        "str lr, [r7, #32]\n\t" TML_DSP_LEAVE
        : "+r"(c)
        :
        : TML_DSP_CLOBBERED);
}

/* 4 products with each of 2 filters for 2 pixels: 12 instructions. */
#define TML_DSP_GROUP_2X2 \
    "ldrd r4, r5, [r12], #8\n\t" \
    "ldmia r11!, {r6, r8, r9, r10}\n\t" \
    "smlad r1, r6, r4, r1\n\t" \
    "smlad r3, r9, r4, r3\n\t" \
    "sxtb16 r4, r4\n\t" \
    "smlad r0, r6, r4, r0\n\t" \
    "smlad r2, r9, r4, r2\n\t" \
    "smlad r1, r8, r5, r1\n\t" \
    "smlad r3, r10, r5, r3\n\t" \
    "sxtb16 r5, r5\n\t" \
    "smlad r0, r8, r5, r0\n\t" \
    "smlad r2, r10, r5, r2\n\t"

/* The same for the first of the two pixels: 8 instructions. */
#define TML_DSP_GROUP_1X2 \
    "ldrd r4, r5, [r12], #8\n\t" \
    "ldrd r6, r8, [r11], #16\n\t" \
    "smlad r1, r6, r4, r1\n\t" \
    "sxtb16 r4, r4\n\t" \
    "smlad r0, r6, r4, r0\n\t" \
    "smlad r1, r8, r5, r1\n\t" \
    "sxtb16 r5, r5\n\t" \
    "smlad r0, r8, r5, r0\n\t"

/* Stores a pair of filters of both pixels and goes on with the next at label 5. scaling (lr) moves to the next pair. */
#define TML_DSP_STORE_2X2 \
    "ldrd r4, r5, [lr, #8]\n\t" \
    "ldrd r6, r9, [lr], #16\n\t" \
    "ldr r10, [r7, #12]\n\t" \
    "sub r1, r1, r0\n\t" \
    "sub r3, r3, r2\n\t" \
    "lsl r11, r10, r6\n\t" \
    TML_DSP_EVEN("r0", "r4", "r6", "r11", "r8") \
    TML_DSP_EVEN("r2", "r4", "r6", "r11", "r8") \
    "lsl r11, r10, r9\n\t" \
    TML_DSP_ODD("r0", "r1", "r5", "r9", "r11", "r8") \
    TML_DSP_ODD("r2", "r3", "r5", "r9", "r11", "r8") \
    "ldmia r7, {r8, r9, r10}\n\t" \
    "strh r0, [r8], #2\n\t" \
    "strh r2, [r9], #2\n\t" \
    "strd r8, r9, [r7]\n\t" \
    "cmp r8, r10\n\t" \
    "bne 5b\n\t" \
    "str lr, [r7, #28]\n\t"

/* All pairs of filters on two pixels. x: groups of 4 words from tml_dsp_widen. */
static inline void tml_dsp_filter_two(tml_dsp_block *block)
{
    register tml_dsp_block *c __asm__("lr") = block;
    __asm__ volatile(
        TML_DSP_ENTER
        "ldr r12, [r7, #32]\n\t"
        "ldr lr, [r7, #28]\n"
        "5:\n\t"
        "ldrd r0, r1, [lr]\n\t" TML_DSP_BIASES
        "mov r2, r0\n\t"
        "mov r3, r1\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_2X2, "r4") TML_DSP_STORE_2X2
        "str r12, [r7, #32]\n\t" TML_DSP_LEAVE
        : "+r"(c)
        :
        : TML_DSP_CLOBBERED);
}

/* The same in parts, for filters that are longer than x: adds to sums[pairs][4], */
static inline void tml_dsp_add_two(tml_dsp_block *block)
{
    register tml_dsp_block *c __asm__("lr") = block;
    __asm__ volatile(
        TML_DSP_ENTER
        "ldr r12, [r7, #32]\n\t"
        "ldr lr, [r7, #36]\n"
        "5:\n\t"
        "ldmia lr, {r0, r1, r2, r3}\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_2X2, "r4")
        "stmia lr!, {r0, r1, r2, r3}\n\t"
        "ldr r4, [r7, #40]\n\t"
        "cmp lr, r4\n\t"
        "bne 5b\n\t"
        "str lr, [r7, #36]\n\t"
        "str r12, [r7, #32]\n\t" TML_DSP_LEAVE
        : "+r"(c)
        :
        : TML_DSP_CLOBBERED);
}

/* and stores them. */
static inline void tml_dsp_store_two(tml_dsp_block *block)
{
    register tml_dsp_block *c __asm__("lr") = block;
    __asm__ volatile(
        TML_DSP_ENTER
        "ldr r12, [r7, #36]\n\t"
        "ldr lr, [r7, #28]\n"
        "5:\n\t"
        "ldmia r12!, {r0, r1, r2, r3}\n\t" TML_DSP_STORE_2X2
        "str r12, [r7, #36]\n\t" TML_DSP_LEAVE
        : "+r"(c)
        :
        : TML_DSP_CLOBBERED);
}

/* All pairs of filters on the first of two pixels. */
static inline void tml_dsp_filter_one(tml_dsp_block *block)
{
    register tml_dsp_block *c __asm__("lr") = block;
    __asm__ volatile(
        TML_DSP_ENTER
        "ldr r12, [r7, #32]\n\t"
        "ldr lr, [r7, #28]\n\t"
        "ldrd r3, r9, [r7, #8]\n\t"
        "ldr r10, [r7]\n"
        "5:\n\t"
        "ldrd r0, r1, [lr]\n\t" TML_DSP_BIASES TML_DSP_GROUPS(TML_DSP_GROUP_1X2, "r4")
        "ldrd r4, r5, [lr, #8]\n\t"
        "ldrd r6, r2, [lr], #16\n\t"
        "sub r1, r1, r0\n\t"
        "lsl r11, r9, r6\n\t"
        TML_DSP_EVEN("r0", "r4", "r6", "r11", "r8")
        "lsl r11, r9, r2\n\t"
        TML_DSP_ODD("r0", "r1", "r5", "r2", "r11", "r8")
        "strh r0, [r10], #2\n\t"
        "cmp r10, r3\n\t"
        "bne 5b\n\t"
        "str r10, [r7]\n\t"
        "str lr, [r7, #28]\n\t"
        "str r12, [r7, #32]\n\t" TML_DSP_LEAVE
        : "+r"(c)
        :
        : TML_DSP_CLOBBERED);
}

/* Widens `count` words of three byte streams to int16: bytes (0, 2) of a word of each, then bytes (1, 3). Count at least
 * 1. Returns the end of `out`. */
static inline int32_t *tml_dsp_widen_three(int32_t *out, const int8_t *first, const int8_t *second,
                                           const int8_t *third, int32_t count)
{
    __asm__ volatile(
        "1:\n\t"
        "ldr r4, [%[a]], #4\n\t"
        "ldr r5, [%[b]], #4\n\t"
        "ldr r6, [%[d]], #4\n\t"
        "sxtb16 r8, r4, ror #8\n\t"
        "sxtb16 r9, r5, ror #8\n\t"
        "sxtb16 r10, r6, ror #8\n\t"
        "sxtb16 r4, r4\n\t"
        "sxtb16 r5, r5\n\t"
        "sxtb16 r6, r6\n\t"
        "stmia %[out]!, {r4, r5, r6, r8, r9, r10}\n\t"
        "subs %[n], %[n], #1\n\t"
        "bne 1b"
        : [out] "+r"(out), [a] "+r"(first), [b] "+r"(second), [d] "+r"(third), [n] "+r"(count)
        :
        : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
    return out;
}

/* Widens `count` words of two byte streams to int16: bytes (0, 2) and (1, 3) of a word of the first, then those of the
 * second. 4 words out for one in of each; count at least 1. Returns the end of `out`. */
static inline int32_t *tml_dsp_widen(int32_t *out, const int8_t *first, const int8_t *second, int32_t count)
{
    __asm__ volatile(
        "1:\n\t"
        "ldr r4, [%[a]], #4\n\t"
        "ldr r5, [%[b]], #4\n\t"
        "sxtb16 r6, r5\n\t"
        "sxtb16 r8, r5, ror #8\n\t"
        "sxtb16 r5, r4, ror #8\n\t"
        "sxtb16 r4, r4\n\t"
        "stmia %[out]!, {r4, r5, r6, r8}\n\t"
        "subs %[n], %[n], #1\n\t"
        "bne 1b"
        : [out] "+r"(out), [a] "+r"(first), [b] "+r"(second), [n] "+r"(count)
        :
        : "r4", "r5", "r6", "r8", "cc", "memory");
    return out;
}

/* 4 bytes from and to any address. */
static inline void tml_dsp_copy_word(int8_t *target, const int8_t *source)
{
    __builtin_memcpy(target, source, 4);
}

#endif
