/* The inner loops of depthwise convolutions of any window with Helium: one channel of a row of windows.
 *
 * The rows under the windows lie in a line [column][kernel_h], so that a window is one run of bytes and one to four
 * VMLADAV. Image row t (padding included) lies in slot t % kernel_h of every column and is written once for all windows
 * over it; the weights are loaded in an order that follows the slots.
 */
#ifndef TML_MVE_LINE_H
#define TML_MVE_LINE_H

#include "tml_mve.h"
#include "tml_mve_bytes.h"

typedef struct {
    const int8_t *line;
    int32_t step;           /* bytes from one window to the next */
    const int8_t *weights;  /* [16 * vectors] */
    const uint8_t *order;   /* [16 * vectors]: which of the weights meets each byte of a window */
    int8_t *out;            /* of the first window */
    int32_t columns;        /* windows, at least 1; the line can be read, and is of no account, up to a multiple of 8 */
    int32_t channels;       /* bytes from one output to the next */
    const int32_t *scaling; /* [3]: bias, multiplier and shift to the left */
    int32_t zero_point;     /* of the output */
    int32_t halves_away;    /* see tml_mve.h */
    int32_t r7;
} tml_mve_line;

_Static_assert(sizeof(tml_mve_line) == 44, "the assembler counts on these offsets");

/* `sum`: a window's products, then on to the next window. */
#define TML_MVE_WINDOW_BY_3(sum) "vldrb.u8 q4, [r1], #3\n\tvmladav.s8 " sum ", q0, q4\n\t"
#define TML_MVE_WINDOW_1(sum) "vldrb.u8 q4, [r1]\n\tadd r1, r1, r3\n\tvmladav.s8 " sum ", q0, q4\n\t"
#define TML_MVE_WINDOW_2(sum) \
    "vldrb.u8 q4, [r1]\n\tvldrb.u8 q5, [r1, #16]\n\tvmladav.s8 " sum ", q0, q4\n\t" \
    "add r1, r1, r3\n\tvmladava.s8 " sum ", q1, q5\n\t"
#define TML_MVE_WINDOW_4(sum) \
    "vldrb.u8 q4, [r1]\n\tvldrb.u8 q5, [r1, #16]\n\tvmladav.s8 " sum ", q0, q4\n\t" \
    "vldrb.u8 q4, [r1, #32]\n\tvmladava.s8 " sum ", q1, q5\n\t" \
    "vldrb.u8 q5, [r1, #48]\n\tvmladava.s8 " sum ", q2, q4\n\t" \
    "add r1, r1, r3\n\tvmladava.s8 " sum ", q3, q5\n\t"

#define TML_MVE_ORDER_1 "vldrb.u8 q4, [r11]\n\tvldrb.u8 q0, [r5, q4]\n\t"
#define TML_MVE_ORDER_2 TML_MVE_ORDER_1 "vldrb.u8 q4, [r11, #16]\n\tvldrb.u8 q1, [r5, q4]\n\t"
#define TML_MVE_ORDER_4 \
    TML_MVE_ORDER_2 "vldrb.u8 q4, [r11, #32]\n\tvldrb.u8 q2, [r5, q4]\n\t" \
    "vldrb.u8 q4, [r11, #48]\n\tvldrb.u8 q3, [r5, q4]\n\t"

/* q7: bytes from an output to those of the next 8. */
#define TML_MVE_FILTER_LINE(order, window) \
    __asm__ volatile( \
        TML_MVE_ENTER("40") \
        "ldm r7, {r1, r3, r5, r11}\n\t" order \
        "movs r0, #0\n\t" \
        "ldrd r9, r11, [r7, #20]\n\t" \
        "vidup.u16 q7, r0, #1\n\t" \
        "ldr r5, [r7, #16]\n\t" \
        "vmul.i16 q7, q7, r11\n" \
        "5:\n\t" \
        window("r0") window("r2") window("r4") window("r6") window("r8") window("r10") window("r12") window("lr") \
        "vmov q4[2], q4[0], r0, r8\n\t" \
        "vmov q5[2], q5[0], r2, r10\n\t" \
        "ldr r0, [r7, #28]\n\t" \
        "vmov q4[3], q4[1], r4, r12\n\t" \
        "vmov q5[3], q5[1], r6, lr\n\t" \
        "ldm r0, {r2, r4, r6}\n\t" \
        "vadd.i32 q4, q4, r2\n\t" \
        "vadd.i32 q5, q5, r2\n\t" \
        "ldrd r0, r2, [r7, #32]\n\t" \
        "vqrdmulh.s32 q4, q4, r4\n\t" \
        "vqrdmulh.s32 q5, q5, r4\n\t" \
        "cbz r2, 4f\n\t" \
        "vshr.s32 q6, q4, #31\n\t" \
        "vadd.i32 q4, q4, q6\n\t" \
        "vshr.s32 q6, q5, #31\n\t" \
        "vadd.i32 q5, q5, q6\n" \
        "4:\n\t" \
        "vrshl.s32 q4, r6\n\t" \
        "vrshl.s32 q5, r6\n\t" \
        "vqmovnb.s32 q6, q4\n\t" \
        "vqmovnt.s32 q6, q5\n\t" \
        "vctp.16 r9\n\t" \
        "vqadd.s16 q6, q6, r0\n\t" \
        "vqmovnb.s16 q6, q6\n\t" \
        "vpst\n\t" \
        "vstrbt.16 q6, [r5, q7]\n\t" \
        "add r5, r5, r11, lsl #3\n\t" \
        "subs r9, r9, #8\n\t" \
        "bgt 5b\n\t" TML_MVE_LEAVE("40") \
        : "+r"(at) \
        : \
        : TML_MVE_CLOBBERED)

/* vectors: of 16 bytes in a window: 1, 2 or 4. */
static inline void tml_mve_filter_line(tml_mve_line *line, int32_t vectors)
{
    register tml_mve_line *at __asm__("r0") = line;
    if (vectors == 1 && line->step == 3) {
        TML_MVE_FILTER_LINE(TML_MVE_ORDER_1, TML_MVE_WINDOW_BY_3);
    } else if (vectors == 1) {
        TML_MVE_FILTER_LINE(TML_MVE_ORDER_1, TML_MVE_WINDOW_1);
    } else if (vectors == 2) {
        TML_MVE_FILTER_LINE(TML_MVE_ORDER_2, TML_MVE_WINDOW_2);
    } else {
        TML_MVE_FILTER_LINE(TML_MVE_ORDER_4, TML_MVE_WINDOW_4);
    }
}

/* `count` bytes, at least 1, `apart` bytes apart, to `line`, `pitch` bytes apart. */
static inline void tml_mve_line_load(int8_t *line, int32_t pitch, const int8_t *source, int32_t apart, int32_t count)
{
    __asm__ volatile(
        "movs r0, #0\n\t"
        "vidup.u16 q0, r0, #1\n\t"
        "vmul.i16 q1, q0, %[a]\n\t"
        "vmul.i16 q2, q0, %[p]\n\t"
        "dlstp.16 lr, %[n]\n"
        "1:\n\t"
        "vldrb.u16 q0, [%[s], q1]\n\t"
        "add %[s], %[s], %[a], lsl #3\n\t"
        "vstrb.16 q0, [%[t], q2]\n\t"
        "add %[t], %[t], %[p], lsl #3\n\t"
        "letp lr, 1b"
        : [t] "+r"(line), [s] "+r"(source)
        : [p] "r"(pitch), [a] "r"(apart), [n] "r"(count)
        : "r0", "lr", "q0", "q1", "q2", "cc", "memory");
}

/* The same with one value. */
static inline void tml_mve_line_set(int8_t *line, int32_t pitch, int32_t value, int32_t count)
{
    __asm__ volatile(
        "movs r0, #0\n\t"
        "vidup.u16 q2, r0, #1\n\t"
        "vdup.16 q0, %[v]\n\t"
        "vmul.i16 q2, q2, %[p]\n\t"
        "dlstp.16 lr, %[n]\n"
        "1:\n\t"
        "vstrb.16 q0, [%[t], q2]\n\t"
        "add %[t], %[t], %[p], lsl #3\n\t"
        "letp lr, 1b"
        : [t] "+r"(line)
        : [p] "r"(pitch), [v] "r"(value), [n] "r"(count)
        : "r0", "lr", "q0", "q2", "cc", "memory");
}

#endif
