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

/* value << count and value >> count, count in [0, 31]. */
static inline int32_t tml_dsp_shift_left(int32_t value, int32_t count)
{
    int32_t result;
    __asm__("lsl %0, %1, %2" : "=r"(result) : "r"(value), "r"(count));
    return result;
}

static inline int32_t tml_dsp_shift_right(int32_t value, int32_t count)
{
    int32_t result;
    __asm__("asr %0, %1, %2" : "=r"(result) : "r"(value), "r"(count));
    return result;
}

/* What pairs of filters are applied to, and where the results go. Fields from `out` on move as it runs. */
typedef struct {
    const int32_t *x;            /* words of int16 pairs */
    const int32_t *x_whole;      /* end of the groups that come in fours, */
    const int32_t *x_end;        /* and of all */
    int32_t zero;                /* 2 * zero point of the output + 1 */
    int8_t *out[2];              /* of both pixels */
    const int32_t *scaling;      /* [pairs][5]: bias of the even filter, that + 256 * the odd one's, multiplier of both */
    const int32_t *scaling_end;  /* in Q31, and (shift to the right - 1) of both, 8 bits each */
    const int32_t *weights;
    int32_t *sums;               /* of tml_dsp_add_two and tml_dsp_store_two */
    const int32_t *sums_end;
} tml_dsp_block;

_Static_assert(sizeof(tml_dsp_block) == 44, "the assembler counts on these offsets");

/* Makes 2 * sum (`twice`), rescales and stores it at `out`, the rest of an address. Destroys sum and temp. */
#define TML_DSP_STORE(twice, sum, multiplier, shift, offset, temp, out) \
    twice "\n\t" \
    "add " temp ", " offset ", " sum ", asr #31\n\t" \
    "smmlar " sum ", " sum ", " multiplier ", " temp "\n\t" \
    "asr " sum ", " sum ", " shift "\n\t" \
    "ssat " sum ", #8, " sum ", asr #1\n\t" \
    "strb " sum ", [" out "\n\t"

/* `group` until x (r11) is at its end, four at a time while they last; r4 is free between groups. */
#define TML_DSP_GROUPS(group) \
    "ldr r4, [%[c], #4]\n\t" \
    "cmp r11, r4\n\t" \
    "beq 2f\n" \
    "1:\n\t" group group group group \
    "ldr r4, [%[c], #4]\n\t" \
    "cmp r11, r4\n\t" \
    "bne 1b\n" \
    "2:\n\t" \
    "ldr r4, [%[c], #8]\n\t" \
    "cmp r11, r4\n\t" \
    "beq 4f\n" \
    "3:\n\t" group \
    "ldr r4, [%[c], #8]\n\t" \
    "cmp r11, r4\n\t" \
    "bne 3b\n" \
    "4:\n\t"

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

/* Stores a pair of filters of both pixels and goes on with the next at label 5. */
#define TML_DSP_STORE_2X2 \
    "ldr r11, [%[c], #24]\n\t" \
    "ldrd r4, r5, [r11, #8]\n\t" \
    "ldr r6, [r11, #16]\n\t" \
    "adds r11, #20\n\t" \
    "str r11, [%[c], #24]\n\t" \
    "ldrd r8, r9, [%[c], #16]\n\t" \
    "ldr r10, [%[c], #12]\n\t" \
    "subs r1, r1, r0\n\t" \
    "subs r3, r3, r2\n\t" \
    "lsl r11, r10, r6\n\t" \
    TML_DSP_STORE("lsls r0, r0, #1", "r0", "r4", "r6", "r11", "r10", "r8], #1") \
    TML_DSP_STORE("lsls r2, r2, #1", "r2", "r4", "r6", "r11", "r10", "r9], #1") \
    "ldr r10, [%[c], #12]\n\t" \
    "lsrs r6, r6, #8\n\t" \
    "lsl r11, r10, r6\n\t" \
    TML_DSP_STORE("asrs r1, r1, #7", "r1", "r5", "r6", "r11", "r10", "r8], #1") \
    TML_DSP_STORE("asrs r3, r3, #7", "r3", "r5", "r6", "r11", "r10", "r9], #1") \
    "strd r8, r9, [%[c], #16]\n\t" \
    "ldrd r4, r5, [%[c], #24]\n\t" \
    "cmp r4, r5\n\t" \
    "bne 5b\n\t"
#define TML_DSP_CLOBBERED "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "cc", "memory"

/* All pairs of filters on two pixels. x: groups of 4 words from tml_dsp_widen. weights: per pair and group 2 words. */
static inline void tml_dsp_filter_two(tml_dsp_block *block)
{
    __asm__ volatile(
        "ldr r12, [%[c], #32]\n"
        "5:\n\t"
        "ldr r11, [%[c], #24]\n\t"
        "ldrd r0, r1, [r11]\n\t"
        "mov r2, r0\n\t"
        "mov r3, r1\n\t"
        "ldr r11, [%[c]]\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_2X2) TML_DSP_STORE_2X2
        "str r12, [%[c], #32]"
        :
        : [c] "r"(block)
        : TML_DSP_CLOBBERED);
}

/* The same in parts, for filters that are longer than x: adds to sums[pairs][4], */
static inline void tml_dsp_add_two(tml_dsp_block *block)
{
    __asm__ volatile(
        "ldr r12, [%[c], #32]\n"
        "5:\n\t"
        "ldr r11, [%[c], #36]\n\t"
        "ldmia r11, {r0, r1, r2, r3}\n\t"
        "ldr r11, [%[c]]\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_2X2)
        "ldr r11, [%[c], #36]\n\t"
        "ldr r4, [%[c], #40]\n\t"
        "stmia r11!, {r0, r1, r2, r3}\n\t"
        "str r11, [%[c], #36]\n\t"
        "cmp r11, r4\n\t"
        "bne 5b\n\t"
        "str r12, [%[c], #32]"
        :
        : [c] "r"(block)
        : TML_DSP_CLOBBERED);
}

/* and stores them. */
static inline void tml_dsp_store_two(tml_dsp_block *block)
{
    __asm__ volatile(
        "5:\n\t"
        "ldr r11, [%[c], #36]\n\t"
        "ldmia r11!, {r0, r1, r2, r3}\n\t"
        "str r11, [%[c], #36]\n\t" TML_DSP_STORE_2X2
        :
        : [c] "r"(block)
        : TML_DSP_CLOBBERED);
}

/* All pairs of filters on the first of two pixels. */
static inline void tml_dsp_filter_one(tml_dsp_block *block)
{
    __asm__ volatile(
        "ldr r12, [%[c], #32]\n"
        "5:\n\t"
        "ldr r11, [%[c], #24]\n\t"
        "ldrd r0, r1, [r11]\n\t"
        "ldr r11, [%[c]]\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_1X2)
        "ldr r11, [%[c], #24]\n\t"
        "ldrd r4, r5, [r11, #8]\n\t"
        "ldr r6, [r11, #16]\n\t"
        "adds r11, #20\n\t"
        "str r11, [%[c], #24]\n\t"
        "ldrd r10, r8, [%[c], #12]\n\t"
        "subs r1, r1, r0\n\t"
        "lsl r11, r10, r6\n\t"
        TML_DSP_STORE("lsls r0, r0, #1", "r0", "r4", "r6", "r11", "r11", "r8], #1")
        "lsrs r6, r6, #8\n\t"
        "lsl r11, r10, r6\n\t"
        TML_DSP_STORE("asrs r1, r1, #7", "r1", "r5", "r6", "r11", "r11", "r8], #1")
        "str r8, [%[c], #16]\n\t"
        "ldrd r4, r5, [%[c], #24]\n\t"
        "cmp r4, r5\n\t"
        "bne 5b\n\t"
        "str r12, [%[c], #32]"
        :
        : [c] "r"(block)
        : "r0", "r1", "r4", "r5", "r6", "r8", "r10", "r11", "r12", "cc", "memory");
}

/* What groups of 4 filters are applied to. Fields from `out` on move as it runs. */
typedef struct {
    const int8_t *x;
    const int8_t *x_whole;      /* end of the words that come in fours, */
    const int8_t *x_end;        /* and of all whole words */
    int32_t zero;               /* 2 * zero point of the output + 1 */
    int32_t back;               /* 0, or how far the last 4 bytes overlap the last whole word */
    int8_t *out;
    const int32_t *biases;      /* [groups][2 pairs][2]: of the even filter, that + 256 * the odd one's */
    const int32_t *biases_end;
    const int32_t *weights;
    const int32_t *rescaling;   /* [groups][2 pairs][3], or for all groups the same: multipliers and shifts as above */
    int32_t rescaling_step;     /* bytes to the next group: 24 or 0 */
} tml_dsp_dense;

_Static_assert(sizeof(tml_dsp_dense) == 44, "the assembler counts on these offsets");

/* 4 products with each of 4 filters: 16 instructions. */
#define TML_DSP_GROUP_1X4 \
    "ldr r9, [r11], #4\n\t" \
    "ldmia r12!, {r4, r5, r6, r8}\n\t" \
    "sxtb16 r10, r9, ror #8\n\t" \
    "sxtb16 r9, r9\n\t" \
    "smlad r1, r9, r4, r1\n\t" \
    "sxtb16 r4, r4\n\t" \
    "smlad r0, r9, r4, r0\n\t" \
    "smlad r3, r9, r5, r3\n\t" \
    "sxtb16 r5, r5\n\t" \
    "smlad r2, r9, r5, r2\n\t" \
    "smlad r1, r10, r6, r1\n\t" \
    "sxtb16 r6, r6\n\t" \
    "smlad r0, r10, r6, r0\n\t" \
    "smlad r3, r10, r8, r3\n\t" \
    "sxtb16 r8, r8\n\t" \
    "smlad r2, r10, r8, r2\n\t"

/* Stores a pair of filters; rescaling at r11 + at. */
#define TML_DSP_STORE_PAIR(even, both, at) \
    "ldrd r4, r5, [r11, #" #at "]\n\t" \
    "ldr r6, [r11, #" #at " + 8]\n\t" \
    "sub " both ", " both ", " even "\n\t" \
    "lsl r9, r10, r6\n\t" \
    TML_DSP_STORE("lsl " even ", " even ", #1", even, "r4", "r6", "r9", "r9", "r8], #1") \
    "lsr r6, r6, #8\n\t" \
    "lsl r9, r10, r6\n\t" \
    TML_DSP_STORE("asr " both ", " both ", #7", both, "r5", "r6", "r9", "r9", "r8], #1")

/* All filters, 4 at a time, on bytes. weights: per 4 filters and word of x, bytes (0, 2) of the first and the second
 * pair of filters, then bytes (1, 3). */
static inline void tml_dsp_filter_dense(tml_dsp_dense *dense)
{
    __asm__ volatile(
        "ldr r12, [%[c], #32]\n"
        "5:\n\t"
        "ldr r11, [%[c], #24]\n\t"
        "ldmia r11, {r0, r1, r2, r3}\n\t"
        "ldr r11, [%[c]]\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_1X4)
        "ldr r4, [%[c], #16]\n\t"
        "cmp r4, #0\n\t"
        "beq 6f\n\t"
        "sub r11, r11, r4\n\t" TML_DSP_GROUP_1X4
        "6:\n\t"
        "ldr r11, [%[c], #36]\n\t"
        "ldr r8, [%[c], #20]\n\t"
        "ldr r10, [%[c], #12]\n\t"
        TML_DSP_STORE_PAIR("r0", "r1", 0) TML_DSP_STORE_PAIR("r2", "r3", 12)
        "ldr r4, [%[c], #40]\n\t"
        "str r8, [%[c], #20]\n\t"
        "add r11, r11, r4\n\t"
        "str r11, [%[c], #36]\n\t"
        "ldrd r4, r5, [%[c], #24]\n\t"
        "add r4, r4, #16\n\t"
        "str r4, [%[c], #24]\n\t"
        "cmp r4, r5\n\t"
        "bne 5b\n\t"
        "str r12, [%[c], #32]"
        :
        : [c] "r"(dense)
        : TML_DSP_CLOBBERED);
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
