/* Depthwise convolutions with the DSP extension of one column of taps over one column of pixels.
 *
 * Twin of tests/dsp_host/tml_dsp_column.h: change both or neither.
 */
#ifndef TML_DSP_COLUMN_H
#define TML_DSP_COLUMN_H

#include "tml_dsp_depthwise.h"

/* One column of taps over one column of pixels. */
typedef struct {
    const int8_t *const *rows;     /* pixels under the taps, an even number; the last one twice if need be */
    const int8_t *const *rows_end;
    int32_t channel;               /* moves to its end with the fields below, 4 at a time */
    int32_t channel_end;
    const int32_t *weights;        /* [blocks][pairs of rows][2]: channels in bytes (0, 2), (1, 3), (0, 2), (1, 3) */
    const int32_t *scaling;        /* [channels][2], as in tml_dsp_channels */
    int8_t *out;
    int32_t zero;                  /* 2 * zero point of the output + 1 */
} tml_dsp_column;

_Static_assert(sizeof(tml_dsp_column) == 32, "the assembler counts on these offsets");

#define TML_DSP_CHANNEL_TAPS(sum, x, weight, rotation) \
    "sxtb16 r5, " x rotation "\n\t" \
    "sxtb16 r10, " weight rotation "\n\t" \
    "smlad " sum ", r5, r10, " sum "\n\t"
#define TML_DSP_STORE_CHANNEL(sum) \
    "ldmia r12!, {r5, r6}\n\t" \
    "ldr r8, [%[c], #28]\n\t" \
    "asr r4, r6, #7\n\t" \
    "lsl r8, r8, r6\n\t" \
    TML_DSP_STORE("add " sum ", r4, " sum ", lsl #1", sum, "r5", "r6", "r8", "r9", "r11], #1")

/* All channels of a pixel. */
static inline void tml_dsp_filter_column(tml_dsp_column *column)
{
    __asm__ volatile(
        "5:\n\t"
        "ldr r9, [%[c]]\n\t"
        "ldr r12, [%[c], #16]\n\t" TML_DSP_ZERO_FEW
        "movs r3, #0\n"
        "1:\n\t"
        "ldr r10, [%[c], #8]\n\t"
        "ldrd r4, r5, [r9], #8\n\t"
        "ldrd r6, r8, [r12], #8\n\t"
        "ldr r4, [r4, r10]\n\t"
        "ldr r5, [r5, r10]\n\t"
        "pkhtb r11, r5, r4, asr #16\n\t"
        "pkhbt r4, r4, r5, lsl #16\n\t"
        TML_DSP_CHANNEL_TAPS("r0", "r4", "r6", "") TML_DSP_CHANNEL_TAPS("r1", "r4", "r6", ", ror #8")
        TML_DSP_CHANNEL_TAPS("r2", "r11", "r8", "") TML_DSP_CHANNEL_TAPS("r3", "r11", "r8", ", ror #8")
        "ldr r4, [%[c], #4]\n\t"
        "cmp r9, r4\n\t"
        "bne 1b\n\t"
        "str r12, [%[c], #16]\n\t"
        "ldrd r12, r11, [%[c], #20]\n\t"
        TML_DSP_STORE_CHANNEL("r0") TML_DSP_STORE_CHANNEL("r1")
        TML_DSP_STORE_CHANNEL("r2") TML_DSP_STORE_CHANNEL("r3")
        "strd r12, r11, [%[c], #20]\n\t"
        "ldrd r4, r5, [%[c], #8]\n\t"
        "add r4, r4, #4\n\t"
        "str r4, [%[c], #8]\n\t"
        "cmp r4, r5\n\t"
        "bne 5b"
        :
        : [c] "r"(column)
        : TML_DSP_CLOBBERED);
}

#endif
