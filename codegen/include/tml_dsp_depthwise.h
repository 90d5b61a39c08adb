/* The inner loops of depthwise convolutions with the DSP extension, on 4 channels and 6 output columns at a time.
 *
 * Twin of tests/dsp_host/tml_dsp_depthwise.h: change both or neither. Two rows of taps at a time: a product of pairs is
 * that of one column of both rows. So the image is widened to words [column][4 channels], the upper row in the lower
 * half; weights are bytes without gaps. Of two rows they are [channel][pairs of columns][4], columns 2i in bytes 0 and
 * 2, 2i + 1 in bytes 1 and 3, and two bytes of a last column; of a single row [channel][columns].
 */
#ifndef TML_DSP_DEPTHWISE_H
#define TML_DSP_DEPTHWISE_H

#include "tml_dsp.h"

#define TML_DSP_COLUMNS 6

/* A row of the image from some pixel on: 4 channels of a pixel, and the bytes to those of the next. */
typedef struct {
    const int8_t *at;
    int32_t step;
} tml_dsp_line;

/* `count` pixels of two rows; count at least 1. */
static inline int32_t *tml_dsp_widen_rows(int32_t *out, tml_dsp_line upper, tml_dsp_line lower, int32_t count)
{
    __asm__ volatile(
        "1:\n\t"
        "ldr r4, [%[a]]\n\t"
        "ldr r5, [%[b]]\n\t"
        "add %[a], %[a], %[s]\n\t"
        "add %[b], %[b], %[t]\n\t"
        "pkhtb r8, r5, r4, asr #16\n\t"
        "pkhbt r4, r4, r5, lsl #16\n\t"
        "sxtb16 r5, r4, ror #8\n\t"
        "sxtb16 r4, r4\n\t"
        "sxtb16 r6, r8\n\t"
        "sxtb16 r8, r8, ror #8\n\t"
        "stmia %[out]!, {r4, r5, r6, r8}\n\t"
        "subs %[n], %[n], #1\n\t"
        "bne 1b"
        : [out] "+r"(out), [a] "+r"(upper.at), [b] "+r"(lower.at), [n] "+r"(count)
        : [s] "r"(upper.step), [t] "r"(lower.step)
        : "r4", "r5", "r6", "r8", "cc", "memory");
    return out;
}

/* The same of one row; what comes into the upper halves is not defined, and meets weights of 0. */
static inline int32_t *tml_dsp_widen_row(int32_t *out, tml_dsp_line row, int32_t count)
{
    __asm__ volatile(
        "1:\n\t"
        "ldr r8, [%[a]]\n\t"
        "add %[a], %[a], %[s]\n\t"
        "sxtb16 r4, r8\n\t"
        "sxtb16 r5, r8, ror #8\n\t"
        "sxtb16 r6, r8, ror #16\n\t"
        "sxtb16 r8, r8, ror #24\n\t"
        "stmia %[out]!, {r4, r5, r6, r8}\n\t"
        "subs %[n], %[n], #1\n\t"
        "bne 1b"
        : [out] "+r"(out), [a] "+r"(row.at), [n] "+r"(count)
        : [s] "r"(row.step)
        : "r4", "r5", "r6", "r8", "cc", "memory");
    return out;
}

/* Sums of 4 channels, [4][columns], and what they are computed from. */
typedef struct {
    const int32_t *x;       /* of the first channel, in the first column */
    const int32_t *weights; /* moves to the end of its rows of taps, */
    const int32_t *x_end;   /* x + 4: of the channel behind the last */
    int32_t *sums;          /* and to its end with them */
    const int32_t *sums_end;
    int32_t rest;           /* taps of a row behind those that come in fours */
    int32_t row_bytes;      /* of the words under the first columns of an even number of taps: 16 each, */
    const int32_t *scaling; /* [4][2]: multiplier, bias << 8 | (shift - 1) */
    int8_t *out;            /* [columns][4], at a whole word */
    const int32_t *x_fours; /* and their end for the first channel, of the fours alone */
    int32_t zero;           /* 2 * zero point of the output + 1 */
} tml_dsp_channels;

_Static_assert(sizeof(tml_dsp_channels) == 44, "the assembler counts on these offsets");

#define TML_DSP_ZERO_FEW "movs r0, #0\n\tmovs r1, #0\n\tmovs r2, #0\n\t"
#define TML_DSP_ZERO_SIX TML_DSP_ZERO_FEW "movs r3, #0\n\tmovs r4, #0\n\tmovs r5, #0\n\t"

static inline void tml_dsp_clear(int32_t sums[4 * TML_DSP_COLUMNS])
{
    __asm__ volatile(
        TML_DSP_ZERO_SIX
        "stmia %[s]!, {r0, r1, r2, r3, r4, r5}\n\t"
        "stmia %[s]!, {r0, r1, r2, r3, r4, r5}\n\t"
        "stmia %[s]!, {r0, r1, r2, r3, r4, r5}\n\t"
        "stmia %[s]!, {r0, r1, r2, r3, r4, r5}"
        : [s] "+r"(sums)
        :
        : "r0", "r1", "r2", "r3", "r4", "r5", "cc", "memory");
}

/* Taps A to D of two rows, or of ONE, with the columns of words in r10. */
#define TML_DSP_TAP(product, sum, weight) product " " #sum ", r10, " weight ", " #sum "\n\t"
#define TML_DSP_A_TWO(sum) TML_DSP_TAP("smlad", sum, "r6")
#define TML_DSP_B_TWO(sum) TML_DSP_TAP("smlad", sum, "r8")
#define TML_DSP_C_TWO(sum) TML_DSP_TAP("smlad", sum, "r9")
#define TML_DSP_D_TWO(sum) TML_DSP_TAP("smlad", sum, "lr")
#define TML_DSP_A_ONE(sum) TML_DSP_TAP("smlabb", sum, "r6")
#define TML_DSP_B_ONE(sum) TML_DSP_TAP("smlabb", sum, "r8")
#define TML_DSP_C_ONE(sum) TML_DSP_TAP("smlabt", sum, "r6")
#define TML_DSP_D_ONE(sum) TML_DSP_TAP("smlabt", sum, "r8")
#define TML_DSP_UNPACK "sxtb16 r8, r6, ror #8\n\t" "sxtb16 r6, r6\n\t"
#define TML_DSP_LOAD_4_TWO \
    "ldr r6, [r12], #4\n\t" "ldr r9, [r12], #4\n\t" TML_DSP_UNPACK "sxtb16 lr, r9, ror #8\n\t" "sxtb16 r9, r9\n\t"
#define TML_DSP_LOAD_2_TWO "ldr r6, [r12], #4\n\t" TML_DSP_UNPACK
#define TML_DSP_LOAD_1_TWO "ldrh r6, [r12], #2\n\t" "orr r6, r6, r6, lsl #8\n\t" "sxtb16 r6, r6\n\t"
#define TML_DSP_LOAD_4_ONE "ldr r6, [r12], #4\n\t" TML_DSP_UNPACK
#define TML_DSP_LOAD_2_ONE "ldrsb r6, [r12], #1\n\t" "ldrsb r8, [r12], #1\n\t"
#define TML_DSP_LOAD_1_ONE "ldrsb r6, [r12], #1\n\t"

/* Taps for each of 4 channels, `fours` and then perhaps `two` and `one`: adds to `registers`, from words at r11 and
 * weights at r12. */
#define TML_DSP_CHANNELS(registers, rows, fours, two, one) \
    __asm__ volatile( \
        TML_DSP_ENTER \
        "ldrd r11, r12, [r7]\n" \
        "5:\n\t" \
        "ldr r10, [r7, #12]\n\t" \
        "ldmia r10, " registers "\n\t" \
        "ldr r10, [r7, #36]\n\t" \
        "cmp r11, r10\n\t" \
        "bcs 2f\n" \
        "1:\n\t" TML_DSP_LOAD_4_##rows fours(rows) \
        "add r11, r11, #64\n\t" \
        "ldr r10, [r7, #36]\n\t" \
        "cmp r11, r10\n\t" \
        "bcc 1b\n" \
        "2:\n\t" \
        "ldr r10, [r7, #20]\n\t" \
        "lsls r10, r10, #31\n\t" \
        "bcc 3f\n\t" TML_DSP_LOAD_2_##rows two(rows) \
        "add r11, r11, #32\n" \
        "3:\n\t" \
        "bpl 4f\n\t" TML_DSP_LOAD_1_##rows one(rows) \
        "4:\n\t" \
        "ldrd r10, r9, [r7, #8]\n\t" \
        "ldr r8, [r7, #24]\n\t" \
        "stmia r9!, " registers "\n\t" \
        "str r9, [r7, #12]\n\t" \
        "sub r11, r11, r8\n\t" \
        "add r11, r11, #4\n\t" \
        "cmp r11, r10\n\t" \
        "bne 5b\n\t" \
        "str r12, [r7, #4]\n\t" TML_DSP_LEAVE \
        : "+r"(c) \
        : \
        : TML_DSP_CLOBBERED)

#define TML_DSP_SIX "{r0, r1, r2, r3, r4, r5}"
#define TML_DSP_THREE "{r0, r1, r2}"
#define TML_DSP_COLUMN(offset) "ldr r10, [r11, #" #offset "]\n\t"

/* Taps A to D, or the first of them alone, of columns that lie one pixel, or two, apart. Every word is loaded once. */
#define TML_DSP_FOURS_FIRST(rows) \
    TML_DSP_COLUMN(0) TML_DSP_A_##rows(r0) \
    TML_DSP_COLUMN(16) TML_DSP_A_##rows(r1) TML_DSP_B_##rows(r0) \
    TML_DSP_COLUMN(32) TML_DSP_A_##rows(r2) TML_DSP_B_##rows(r1) TML_DSP_C_##rows(r0)
#define TML_DSP_FOURS_FEW(rows) \
    TML_DSP_FOURS_FIRST(rows) \
    TML_DSP_COLUMN(48) TML_DSP_B_##rows(r2) TML_DSP_C_##rows(r1) TML_DSP_D_##rows(r0) \
    TML_DSP_COLUMN(64) TML_DSP_C_##rows(r2) TML_DSP_D_##rows(r1) \
    TML_DSP_COLUMN(80) TML_DSP_D_##rows(r2)
#define TML_DSP_FOURS_COLUMN(rows, at, a, b, c, d) \
    TML_DSP_COLUMN(at) TML_DSP_A_##rows(a) TML_DSP_B_##rows(b) TML_DSP_C_##rows(c) TML_DSP_D_##rows(d)
#define TML_DSP_FOURS_SIX(rows) \
    TML_DSP_FOURS_FIRST(rows) \
    TML_DSP_FOURS_COLUMN(rows, 48, r3, r2, r1, r0) \
    TML_DSP_FOURS_COLUMN(rows, 64, r4, r3, r2, r1) \
    TML_DSP_FOURS_COLUMN(rows, 80, r5, r4, r3, r2) \
    TML_DSP_COLUMN(96) TML_DSP_B_##rows(r5) TML_DSP_C_##rows(r4) TML_DSP_D_##rows(r3) \
    TML_DSP_COLUMN(112) TML_DSP_C_##rows(r5) TML_DSP_D_##rows(r4) \
    TML_DSP_COLUMN(128) TML_DSP_D_##rows(r5)
#define TML_DSP_FOURS_3_BY_2(rows) \
    TML_DSP_COLUMN(0) TML_DSP_A_##rows(r0) \
    TML_DSP_COLUMN(16) TML_DSP_B_##rows(r0) \
    TML_DSP_COLUMN(32) TML_DSP_C_##rows(r0) TML_DSP_A_##rows(r1) \
    TML_DSP_COLUMN(48) TML_DSP_D_##rows(r0) TML_DSP_B_##rows(r1) \
    TML_DSP_COLUMN(64) TML_DSP_C_##rows(r1) TML_DSP_A_##rows(r2) \
    TML_DSP_COLUMN(80) TML_DSP_D_##rows(r1) TML_DSP_B_##rows(r2) \
    TML_DSP_COLUMN(96) TML_DSP_C_##rows(r2)
#define TML_DSP_FOURS_FEW_BY_2(rows) TML_DSP_FOURS_3_BY_2(rows) TML_DSP_COLUMN(112) TML_DSP_D_##rows(r2)
#define TML_DSP_FOURS_SIX_BY_2(rows) \
    TML_DSP_FOURS_3_BY_2(rows) TML_DSP_A_##rows(r3) \
    TML_DSP_COLUMN(112) TML_DSP_D_##rows(r2) TML_DSP_B_##rows(r3) \
    TML_DSP_COLUMN(128) TML_DSP_C_##rows(r3) TML_DSP_A_##rows(r4) \
    TML_DSP_COLUMN(144) TML_DSP_D_##rows(r3) TML_DSP_B_##rows(r4) \
    TML_DSP_COLUMN(160) TML_DSP_C_##rows(r4) TML_DSP_A_##rows(r5) \
    TML_DSP_COLUMN(176) TML_DSP_D_##rows(r4) TML_DSP_B_##rows(r5) \
    TML_DSP_COLUMN(192) TML_DSP_C_##rows(r5) \
    TML_DSP_COLUMN(208) TML_DSP_D_##rows(r5)
#define TML_DSP_TWO_3(rows) \
    TML_DSP_COLUMN(0) TML_DSP_A_##rows(r0) \
    TML_DSP_COLUMN(16) TML_DSP_A_##rows(r1) TML_DSP_B_##rows(r0) \
    TML_DSP_COLUMN(32) TML_DSP_A_##rows(r2) TML_DSP_B_##rows(r1)
#define TML_DSP_TWO_FEW(rows) TML_DSP_TWO_3(rows) TML_DSP_COLUMN(48) TML_DSP_B_##rows(r2)
#define TML_DSP_TWO_SIX(rows) \
    TML_DSP_TWO_3(rows) \
    TML_DSP_COLUMN(48) TML_DSP_A_##rows(r3) TML_DSP_B_##rows(r2) \
    TML_DSP_COLUMN(64) TML_DSP_A_##rows(r4) TML_DSP_B_##rows(r3) \
    TML_DSP_COLUMN(80) TML_DSP_A_##rows(r5) TML_DSP_B_##rows(r4) \
    TML_DSP_COLUMN(96) TML_DSP_B_##rows(r5)
#define TML_DSP_TWO_BY_2(rows, sum, even, odd) \
    TML_DSP_COLUMN(even) TML_DSP_A_##rows(sum) TML_DSP_COLUMN(odd) TML_DSP_B_##rows(sum)
#define TML_DSP_TWO_FEW_BY_2(rows) \
    TML_DSP_TWO_BY_2(rows, r0, 0, 16) TML_DSP_TWO_BY_2(rows, r1, 32, 48) TML_DSP_TWO_BY_2(rows, r2, 64, 80)
#define TML_DSP_TWO_SIX_BY_2(rows) \
    TML_DSP_TWO_FEW_BY_2(rows) TML_DSP_TWO_BY_2(rows, r3, 96, 112) TML_DSP_TWO_BY_2(rows, r4, 128, 144) \
    TML_DSP_TWO_BY_2(rows, r5, 160, 176)
#define TML_DSP_ONE_3(rows, a, b, c, first, second, third) \
    TML_DSP_COLUMN(a) TML_DSP_A_##rows(first) TML_DSP_COLUMN(b) TML_DSP_A_##rows(second) \
    TML_DSP_COLUMN(c) TML_DSP_A_##rows(third)
#define TML_DSP_ONE_FEW(rows) TML_DSP_ONE_3(rows, 0, 16, 32, r0, r1, r2)
#define TML_DSP_ONE_SIX(rows) TML_DSP_ONE_FEW(rows) TML_DSP_ONE_3(rows, 48, 64, 80, r3, r4, r5)
#define TML_DSP_ONE_FEW_BY_2(rows) TML_DSP_ONE_3(rows, 0, 32, 64, r0, r1, r2)
#define TML_DSP_ONE_SIX_BY_2(rows) TML_DSP_ONE_FEW_BY_2(rows) TML_DSP_ONE_3(rows, 96, 128, 160, r3, r4, r5)
#define TML_DSP_ROWS(registers, rows, shape) \
    TML_DSP_CHANNELS(registers, rows, TML_DSP_FOURS_##shape, TML_DSP_TWO_##shape, TML_DSP_ONE_##shape)

/* Two rows of taps, or a single one. columns: 6, or 3 of which the block needs no more.   stride: 1 or 2. */
static inline void tml_dsp_two_rows(tml_dsp_channels *t, int32_t columns, int32_t stride)
{
    register tml_dsp_channels *c __asm__("lr") = t;
    if (columns == 6 && stride == 1) {
        TML_DSP_ROWS(TML_DSP_SIX, TWO, SIX);
    } else if (columns == 6) {
        TML_DSP_ROWS(TML_DSP_SIX, TWO, SIX_BY_2);
    } else if (stride == 1) {
        TML_DSP_ROWS(TML_DSP_THREE, TWO, FEW);
    } else {
        TML_DSP_ROWS(TML_DSP_THREE, TWO, FEW_BY_2);
    }
}

static inline void tml_dsp_one_row(tml_dsp_channels *t, int32_t columns, int32_t stride)
{
    register tml_dsp_channels *c __asm__("lr") = t;
    if (columns == 6 && stride == 1) {
        TML_DSP_ROWS(TML_DSP_SIX, ONE, SIX);
    } else if (columns == 6) {
        TML_DSP_ROWS(TML_DSP_SIX, ONE, SIX_BY_2);
    } else if (stride == 1) {
        TML_DSP_ROWS(TML_DSP_THREE, ONE, FEW);
    } else {
        TML_DSP_ROWS(TML_DSP_THREE, ONE, FEW_BY_2);
    }
}

/* Rescales and stores 3 columns; twice the bias, multiplier, shift and offset in r4, r5, r6 and r8. */
#define TML_DSP_STORE_3(a, b, c) \
    "ldmia r11!, {r0, r1, r2}\n\t" \
    TML_DSP_STORE("add r0, r4, r0, lsl #1", "r0", "r5", "r6", "r8", "r9", "r10, #" #a "]") \
    TML_DSP_STORE("add r1, r4, r1, lsl #1", "r1", "r5", "r6", "r8", "r9", "r10, #" #b "]") \
    TML_DSP_STORE("add r2, r4, r2, lsl #1", "r2", "r5", "r6", "r8", "r9", "r10, #" #c "]")
#define TML_DSP_STORE_CHANNELS(columns) \
    __asm__ volatile( \
        "ldr r10, [%[t], #32]\n\t" \
        "ldr r11, [%[t], #12]\n\t" \
        "ldr r12, [%[t], #28]\n" \
        "5:\n\t" \
        "ldmia r12!, {r5, r6}\n\t" \
        "ldr r8, [%[t], #40]\n\t" \
        "asr r4, r6, #7\n\t" \
        "lsl r8, r8, r6\n\t" columns \
        "add r10, r10, #1\n\t" \
        "ldr r9, [%[t], #16]\n\t" \
        "cmp r11, r9\n\t" \
        "bne 5b" \
        : \
        : [t] "r"(t) \
        : TML_DSP_CLOBBERED)

static inline void tml_dsp_store_columns(tml_dsp_channels *t)
{
    TML_DSP_STORE_CHANNELS(TML_DSP_STORE_3(0, 4, 8) TML_DSP_STORE_3(12, 16, 20));
}

static inline void tml_dsp_store_few_columns(tml_dsp_channels *t)
{
    TML_DSP_STORE_CHANNELS(TML_DSP_STORE_3(0, 4, 8));
}

/* Windows of 3 x 3 taps, the most common, from words to bytes: the sums stay in registers. The words of the third row
 * lie behind those of the first two, TML_DSP_PITCH columns on. */
#define TML_DSP_PITCH 13
/* A channel has 9 bytes: a word of columns 0 and 1 of TWO rows, their column 2 in bytes 0 and 2 of the next, and in the
 * word that begins a byte later the taps of the ONE row below, A and C in bytes 0 and 2, the middle one in byte 3. */
#define TML_DSP_3_LOAD_TWO \
    "ldr r6, [r12], #4\n\t" "ldr r9, [r12], #1\n\t" TML_DSP_UNPACK "sxtb16 r9, r9\n\t"
#define TML_DSP_3_LOAD_ONE "ldr r6, [r12], #4\n\t" TML_DSP_UNPACK
#define TML_DSP_MID_TWO TML_DSP_B_TWO
#define TML_DSP_MID_ONE TML_DSP_D_ONE
#define TML_DSP_3_BY_3(at, rows) \
    TML_DSP_3_LOAD_##rows TML_DSP_COLUMN(at) TML_DSP_A_##rows(r0) \
    TML_DSP_COLUMN(at + 16) TML_DSP_A_##rows(r1) TML_DSP_MID_##rows(r0) \
    TML_DSP_COLUMN(at + 32) TML_DSP_A_##rows(r2) TML_DSP_MID_##rows(r1) TML_DSP_C_##rows(r0)
#define TML_DSP_3_FEW(at, rows) \
    TML_DSP_3_BY_3(at, rows) \
    TML_DSP_COLUMN(at + 48) TML_DSP_MID_##rows(r2) TML_DSP_C_##rows(r1) \
    TML_DSP_COLUMN(at + 64) TML_DSP_C_##rows(r2)
#define TML_DSP_3_SIX(at, rows) \
    TML_DSP_3_BY_3(at, rows) \
    TML_DSP_COLUMN(at + 48) TML_DSP_A_##rows(r3) TML_DSP_MID_##rows(r2) TML_DSP_C_##rows(r1) \
    TML_DSP_COLUMN(at + 64) TML_DSP_A_##rows(r4) TML_DSP_MID_##rows(r3) TML_DSP_C_##rows(r2) \
    TML_DSP_COLUMN(at + 80) TML_DSP_A_##rows(r5) TML_DSP_MID_##rows(r4) TML_DSP_C_##rows(r3) \
    TML_DSP_COLUMN(at + 96) TML_DSP_MID_##rows(r5) TML_DSP_C_##rows(r4) \
    TML_DSP_COLUMN(at + 112) TML_DSP_C_##rows(r5)
#define TML_DSP_3_FEW_BY_2(at, rows) \
    TML_DSP_3_LOAD_##rows TML_DSP_COLUMN(at) TML_DSP_A_##rows(r0) \
    TML_DSP_COLUMN(at + 16) TML_DSP_MID_##rows(r0) \
    TML_DSP_COLUMN(at + 32) TML_DSP_C_##rows(r0) TML_DSP_A_##rows(r1) \
    TML_DSP_COLUMN(at + 48) TML_DSP_MID_##rows(r1) \
    TML_DSP_COLUMN(at + 64) TML_DSP_C_##rows(r1) TML_DSP_A_##rows(r2) \
    TML_DSP_COLUMN(at + 80) TML_DSP_MID_##rows(r2) \
    TML_DSP_COLUMN(at + 96) TML_DSP_C_##rows(r2)
#define TML_DSP_3_SIX_BY_2(at, rows) \
    TML_DSP_3_FEW_BY_2(at, rows) TML_DSP_A_##rows(r3) \
    TML_DSP_COLUMN(at + 112) TML_DSP_MID_##rows(r3) \
    TML_DSP_COLUMN(at + 128) TML_DSP_C_##rows(r3) TML_DSP_A_##rows(r4) \
    TML_DSP_COLUMN(at + 144) TML_DSP_MID_##rows(r4) \
    TML_DSP_COLUMN(at + 160) TML_DSP_C_##rows(r4) TML_DSP_A_##rows(r5) \
    TML_DSP_COLUMN(at + 176) TML_DSP_MID_##rows(r5) \
    TML_DSP_COLUMN(at + 192) TML_DSP_C_##rows(r5)
#define TML_DSP_STORE_1(sum, at) \
    TML_DSP_STORE("add " #sum ", r6, " #sum ", lsl #1", #sum, "r8", "r9", "r10", "r11", "r12, #" #at "]")
#define TML_DSP_STORE_FEW TML_DSP_STORE_1(r0, 0) TML_DSP_STORE_1(r1, 4) TML_DSP_STORE_1(r2, 8)
#define TML_DSP_STORE_SIX TML_DSP_STORE_FEW TML_DSP_STORE_1(r3, 12) TML_DSP_STORE_1(r4, 16) TML_DSP_STORE_1(r5, 20)
#define TML_DSP_WINDOWS_OF_3(zero, taps, store) \
    __asm__ volatile( \
        "5:\n\t" \
        "ldrd r11, r12, [%[t]]\n\t" zero taps(0, TWO) taps(208, ONE) \
        "add r11, r11, #4\n\t" \
        "strd r11, r12, [%[t]]\n\t" \
        "ldr r12, [%[t], #28]\n\t" \
        "ldmia r12!, {r8, r9}\n\t" \
        "str r12, [%[t], #28]\n\t" \
        "ldr r10, [%[t], #40]\n\t" \
        "asr r6, r9, #7\n\t" \
        "lsl r10, r10, r9\n\t" \
        "ldr r12, [%[t], #32]\n\t" store \
        "add r12, r12, #1\n\t" \
        "str r12, [%[t], #32]\n\t" \
        "tst r12, #3\n\t" \
        "bne 5b" \
        : \
        : [t] "r"(t) \
        : TML_DSP_CLOBBERED)

/* columns: 6, or 3 of which the block needs no more.   stride: 1 or 2. What it reads in t moves to its end. */
static inline void tml_dsp_windows_of_3(tml_dsp_channels *t, int32_t columns, int32_t stride)
{
    if (columns == 6 && stride == 1) {
        TML_DSP_WINDOWS_OF_3(TML_DSP_ZERO_SIX, TML_DSP_3_SIX, TML_DSP_STORE_SIX);
    } else if (columns == 6) {
        TML_DSP_WINDOWS_OF_3(TML_DSP_ZERO_SIX, TML_DSP_3_SIX_BY_2, TML_DSP_STORE_SIX);
    } else if (stride == 1) {
        TML_DSP_WINDOWS_OF_3(TML_DSP_ZERO_FEW, TML_DSP_3_FEW, TML_DSP_STORE_FEW);
    } else {
        TML_DSP_WINDOWS_OF_3(TML_DSP_ZERO_FEW, TML_DSP_3_FEW_BY_2, TML_DSP_STORE_FEW);
    }
}

#endif
