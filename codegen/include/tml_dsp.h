/* The DSP extension of Armv7E-M and Armv8-M: two 16-bit products per instruction.
 *
 * Twin of tests/dsp_host/tml_dsp.h, which says the same in portable C for hosts: change both or neither. All words are
 * little-endian. Words are loaded at any address: these cores do that in hardware.
 */
#ifndef TML_DSP_H
#define TML_DSP_H

#include "tml_types.h"

/* Sums of products of one pixel with a pair of filters (see tml_dsp_dot_2x2). */
typedef struct {
    int32_t even; /* of the even filter */
    int32_t both; /* of the even filter plus 256 times those of the odd one */
} tml_dsp_sums;

/* Twice the odd filter's sum. */
static inline int32_t tml_dsp_odd(tml_dsp_sums sums)
{
    return (int32_t)((uint32_t)sums.both - (uint32_t)sums.even) >> 7;
}

/* (multiplier * doubled + (offset << 32) + 2**31) >> 32: with doubled = 2 * sum, TFLite's rounding high product of the
 * sum, plus offset. */
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

/* value << count and value >> count for count in [0, 31]: without the masking that C asks for. */
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

/* Widens `count` words of two byte streams to int16, interleaved: bytes (0, 2) of a word of the first, the same of the
 * second, then bytes (1, 3) of both. 4 words out for one in of each; count at least 1. Returns the end of `out`. */
static inline int32_t *tml_dsp_widen_2(int32_t *out, const int8_t *first, const int8_t *second, int32_t count)
{
    __asm__ volatile(
        "1:\n\t"
        "ldr r4, [%[a]], #4\n\t"
        "ldr r5, [%[b]], #4\n\t"
        "sxtb16 r6, r4, ror #8\n\t"
        "sxtb16 r8, r5, ror #8\n\t"
        "sxtb16 r4, r4\n\t"
        "sxtb16 r5, r5\n\t"
        "stmia %[out]!, {r4, r5, r6, r8}\n\t"
        "subs %[n], %[n], #1\n\t"
        "bne 1b"
        : [out] "+r"(out), [a] "+r"(first), [b] "+r"(second), [n] "+r"(count)
        :
        : "r4", "r5", "r6", "r8", "cc", "memory");
    return out;
}

/* Adds the products of 2 pixels with a pair of filters.
 *
 * x: `groups` groups of 4 words of int16 pairs, from tml_dsp_widen_2. w: per group 2 words for the same places, each
 * half 256 * odd filter + even filter: a product with the half adds to both filters' sums, and its low byte is the even
 * filter. So 4 weights take 4 bytes of flash and 2 instructions to unpack. Returns the next pair's weights. */
#define TML_DSP_GROUP_2X2 \
    "ldrd r4, r5, [%[w]], #8\n\t" \
    "ldmia %[x]!, {r6, r8, r9, r10}\n\t" \
    "smlad %[b0], r6, r4, %[b0]\n\t" \
    "smlad %[b1], r8, r4, %[b1]\n\t" \
    "sxtb16 r4, r4\n\t" \
    "smlad %[e0], r6, r4, %[e0]\n\t" \
    "smlad %[e1], r8, r4, %[e1]\n\t" \
    "smlad %[b0], r9, r5, %[b0]\n\t" \
    "smlad %[b1], r10, r5, %[b1]\n\t" \
    "sxtb16 r5, r5\n\t" \
    "smlad %[e0], r9, r5, %[e0]\n\t" \
    "smlad %[e1], r10, r5, %[e1]\n\t"

static inline const int32_t *tml_dsp_dot_2x2(const int32_t *x, const int32_t *w, int32_t groups, tml_dsp_sums *first,
                                             tml_dsp_sums *second)
{
    int32_t e0 = first->even, b0 = first->both, e1 = second->even, b1 = second->both;
    __asm__ volatile(
        "subs %[n], %[n], #4\n\t"
        "blt 2f\n"
        "1:\n\t" TML_DSP_GROUP_2X2 TML_DSP_GROUP_2X2 TML_DSP_GROUP_2X2 TML_DSP_GROUP_2X2
        "subs %[n], %[n], #4\n\t"
        "bge 1b\n"
        "2:\n\t"
        "adds %[n], %[n], #4\n\t"
        "beq 4f\n"
        "3:\n\t" TML_DSP_GROUP_2X2
        "subs %[n], %[n], #1\n\t"
        "bne 3b\n"
        "4:"
        : [x] "+r"(x), [w] "+r"(w), [n] "+r"(groups), [e0] "+r"(e0), [b0] "+r"(b0), [e1] "+r"(e1), [b1] "+r"(b1)
        :
        : "r4", "r5", "r6", "r8", "r9", "r10", "cc", "memory");
    *first = (tml_dsp_sums){e0, b0};
    *second = (tml_dsp_sums){e1, b1};
    return w;
}

/* The same for the first of the two pixels alone. */
#define TML_DSP_GROUP_1X2 \
    "ldrd r4, r5, [%[w]], #8\n\t" \
    "ldr r8, [%[x], #8]\n\t" \
    "ldr r6, [%[x]], #16\n\t" \
    "smlad %[b0], r6, r4, %[b0]\n\t" \
    "sxtb16 r4, r4\n\t" \
    "smlad %[e0], r6, r4, %[e0]\n\t" \
    "smlad %[b0], r8, r5, %[b0]\n\t" \
    "sxtb16 r5, r5\n\t" \
    "smlad %[e0], r8, r5, %[e0]\n\t"

static inline const int32_t *tml_dsp_dot_1x2(const int32_t *x, const int32_t *w, int32_t groups, tml_dsp_sums *first)
{
    int32_t e0 = first->even, b0 = first->both;
    __asm__ volatile(
        "subs %[n], %[n], #4\n\t"
        "blt 2f\n"
        "1:\n\t" TML_DSP_GROUP_1X2 TML_DSP_GROUP_1X2 TML_DSP_GROUP_1X2 TML_DSP_GROUP_1X2
        "subs %[n], %[n], #4\n\t"
        "bge 1b\n"
        "2:\n\t"
        "adds %[n], %[n], #4\n\t"
        "beq 4f\n"
        "3:\n\t" TML_DSP_GROUP_1X2
        "subs %[n], %[n], #1\n\t"
        "bne 3b\n"
        "4:"
        : [x] "+r"(x), [w] "+r"(w), [n] "+r"(groups), [e0] "+r"(e0), [b0] "+r"(b0)
        :
        : "r4", "r5", "r6", "r8", "cc", "memory");
    *first = (tml_dsp_sums){e0, b0};
    return w;
}

#endif
