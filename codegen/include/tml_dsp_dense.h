/* Matrix products with the DSP extension: 4 filters at a time on a vector of bytes.
 *
 * Twin of tests/dsp_host/tml_dsp_dense.h: change both or neither.
 */
#ifndef TML_DSP_DENSE_H
#define TML_DSP_DENSE_H

#include "tml_dsp.h"

/* What groups of 4 filters are applied to. What is not of x moves as it runs. */
typedef struct {
    int32_t back;             /* 0, or how far the last 4 bytes overlap the last whole word */
    int8_t *out;
    int32_t rescaling_back;   /* bytes to go back behind a group: 0, or 24 where one serves all */
    int32_t zero;             /* 2 * zero point of the output + 1 */
    const int8_t *x;
    int32_t skip;             /* see tml_dsp_skip */
    const int8_t *x_end;      /* of all whole words */
    const int32_t *weights;
    const int32_t *biases;    /* [groups][2 pairs][2]: of the even filter, that + 256 * the odd one's */
    const int32_t *biases_end;
    const int32_t *rescaling; /* [groups or 1][2 pairs][3]: multipliers, and shifts to the right - 1 in bytes */
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

/* Stores a pair of filters; rescaling (lr) moves past it. */
#define TML_DSP_STORE_PAIR(even, both) \
    "ldrd r4, r5, [lr], #8\n\t" \
    "ldr r6, [lr], #4\n\t" \
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
    register tml_dsp_dense *c __asm__("lr") = dense;
    __asm__ volatile(
        TML_DSP_ENTER
        "ldr r12, [r7, #28]\n\t"
        "ldr lr, [r7, #40]\n"
        "5:\n\t"
        "ldr r11, [r7, #32]\n\t"
        "ldmia r11!, {r0, r1, r2, r3}\n\t"
        "str r11, [r7, #32]\n\t" TML_DSP_GROUPS(TML_DSP_GROUP_1X4, "r4")
        "ldr r4, [r7]\n\t"
        "cmp r4, #0\n\t"
        "beq 6f\n\t"
        "sub r11, r11, r4\n\t" TML_DSP_GROUP_1X4
        "6:\n\t"
        "ldr r8, [r7, #4]\n\t"
        "ldr r10, [r7, #12]\n\t" TML_DSP_STORE_PAIR("r0", "r1") TML_DSP_STORE_PAIR("r2", "r3")
        "ldr r4, [r7, #8]\n\t"
        "str r8, [r7, #4]\n\t"
        "sub lr, lr, r4\n\t"
        "ldrd r4, r5, [r7, #32]\n\t"
        "cmp r4, r5\n\t"
        "bne 5b\n\t"
        "str lr, [r7, #40]\n\t"
        "str r12, [r7, #28]\n\t" TML_DSP_LEAVE
        : "+r"(c)
        :
        : TML_DSP_CLOBBERED);
}

#endif
