/* The inner loops of depthwise convolutions with Helium on 16 channels of a pixel at a time.
 *
 * Products of int8 are int16, and so are sums of two of them, unless all four factors are -128; those are widened and
 * added in int32: even channels in bottom lanes, odd ones in top lanes, twice over, so that a vector holds every fourth
 * channel.
 */
#ifndef TML_MVE_DEPTHWISE_H
#define TML_MVE_DEPTHWISE_H

#include "tml_mve.h"
#include "tml_mve_bytes.h"

#define TML_MVE_TAPS 9

/* Pixels of an output row under windows of 3 x 3 taps. */
typedef struct {
    const int8_t **taps;    /* [12]: channel 0 of what lies under the 9 taps of the first pixel, and any 3; moves */
    const int32_t *steps;   /* [12]: bytes to what lies under those of the next */
    const int8_t *weights;  /* [blocks][9][16] */
    const int32_t *scaling; /* [blocks][4][2][4]: bias << 8 | the byte of a shift to the left, all that VRSHL looks at, and
                               multiplier, of channels i, i + 4, i + 8 and i + 12 */
    int8_t *out;
    int32_t blocks;         /* of 16 channels */
    int32_t out_step;       /* bytes from the end of a pixel's blocks to the next pixel's */
    int32_t pixels;         /* to go, at least 1 */
    uint32_t zero_points[4]; /* of the output, in 8 half words */
    int32_t r7;
} tml_mve_taps;

_Static_assert(sizeof(tml_mve_taps) == 52, "the assembler counts on these offsets");

#define TML_MVE_TAP(x) \
    "vldrb.u8 q6, [" #x "], #16\n\t" \
    "vldrb.u8 q7, [r10], #16\n\t" \
    "vmullb.s8 q4, q6, q7\n\t" \
    "vmullt.s8 q5, q6, q7\n\t"
#define TML_MVE_SECOND_TAP(x) \
    "vldrb.u8 q6, [" #x "]\n\t" \
    "vldrb.u8 q7, [r10], #16\n\t" \
    "vmullt.s8 q6, q6, q7\n\t" \
    "vadd.i16 q5, q5, q6\n\t" \
    "vldrb.u8 q6, [" #x "], #16\n\t" \
    "vmullb.s8 q6, q6, q7\n\t" \
    "vadd.i16 q4, q4, q6\n\t"
#define TML_MVE_WIDEN \
    "vmovlb.s16 q6, q4\n\t" \
    "vmovlt.s16 q7, q4\n\t" \
    "vadd.i32 q0, q0, q6\n\t" \
    "vadd.i32 q1, q1, q7\n\t" \
    "vmovlb.s16 q6, q5\n\t" \
    "vmovlt.s16 q7, q5\n\t" \
    "vadd.i32 q2, q2, q6\n\t" \
    "vadd.i32 q3, q3, q7\n\t"
/* The second of the first two taps: the sums are not there yet. */
#define TML_MVE_FIRST_WIDEN(x) \
    "vldrb.u8 q6, [" #x "], #16\n\t" \
    "vldrb.u8 q7, [r10], #16\n\t" \
    "vmullb.s8 q0, q6, q7\n\t" \
    "vmullt.s8 q1, q6, q7\n\t" \
    "vadd.i16 q4, q4, q0\n\t" \
    "vadd.i16 q5, q5, q1\n\t" \
    "vmovlb.s16 q0, q4\n\t" \
    "vmovlt.s16 q1, q4\n\t" \
    "vmovlb.s16 q2, q5\n\t" \
    "vmovlt.s16 q3, q5\n\t"
#define TML_MVE_RESCALE_UP(sum) \
    "vldrw.u32 q4, [r11], #16\n\t" \
    "vldrw.u32 q5, [r11], #16\n\t" \
    "vshr.s32 q6, q4, #8\n\t" \
    "vadd.i32 " sum ", " sum ", q6\n\t" \
    "vqrdmulh.s32 " sum ", " sum ", q5\n\t" \
    "vrshl.s32 " sum ", " sum ", q4\n\t"
#define TML_MVE_RESCALE_AWAY(sum) \
    "vldrw.u32 q4, [r11], #16\n\t" \
    "vldrw.u32 q5, [r11], #16\n\t" \
    "vshr.s32 q6, q4, #8\n\t" \
    "vadd.i32 " sum ", " sum ", q6\n\t" \
    "vqrdmulh.s32 " sum ", " sum ", q5\n\t" \
    "vshr.s32 q7, " sum ", #31\n\t" \
    "vadd.i32 " sum ", " sum ", q7\n\t" \
    "vrshl.s32 " sum ", " sum ", q4\n\t"
#define TML_MVE_NARROW(zero) \
    "vqmovnb.s32 q4, q0\n\t" \
    "vqmovnb.s32 q5, q2\n\t" \
    "vqmovnt.s32 q4, q1\n\t" \
    "vqmovnt.s32 q5, q3\n\t" \
    "vldrh.u16 q6, [r7, #" zero "]\n\t" \
    "vqadd.s16 q4, q4, q6\n\t" \
    "vqadd.s16 q5, q5, q6\n\t" \
    "vqmovnb.s16 q4, q4\n\t" \
    "vqmovnt.s16 q4, q5\n\t"
#define TML_MVE_STEP \
    "vldrw.u32 q0, [r0]\n\t" \
    "vldrw.u32 q1, [r1], #16\n\t" \
    "vadd.i32 q0, q0, q1\n\t" \
    "vstrw.32 q0, [r0], #16\n\t"

#define TML_MVE_FILTER_TAPS(rescale) \
    __asm__ volatile( \
        TML_MVE_ENTER("48") \
        "ldr r12, [r7, #16]\n" \
        "6:\n\t" \
        "ldr r10, [r7]\n\t" \
        "ldr lr, [r7, #20]\n\t" \
        "dls lr, lr\n\t" \
        "ldm r10, {r0, r1, r2, r3, r4, r5, r6, r8, r9}\n\t" \
        "ldrd r10, r11, [r7, #8]\n" \
        "5:\n\t" TML_MVE_TAP(r0) TML_MVE_FIRST_WIDEN(r1) \
        TML_MVE_TAP(r2) TML_MVE_SECOND_TAP(r3) TML_MVE_WIDEN \
        TML_MVE_TAP(r4) TML_MVE_SECOND_TAP(r5) TML_MVE_WIDEN \
        TML_MVE_TAP(r6) TML_MVE_SECOND_TAP(r8) TML_MVE_WIDEN \
        TML_MVE_TAP(r9) TML_MVE_WIDEN \
        rescale("q0") rescale("q1") rescale("q2") rescale("q3") \
        TML_MVE_NARROW("32") \
        "vstrb.8 q4, [r12], #16\n\t" \
        "le lr, 5b\n\t" \
        "ldrd r1, r2, [r7, #24]\n\t" \
        "add r12, r12, r1\n\t" \
        "subs r2, r2, #1\n\t" \
        "str r2, [r7, #28]\n\t" \
        "beq 7f\n\t" \
        "ldrd r0, r1, [r7]\n\t" TML_MVE_STEP TML_MVE_STEP TML_MVE_STEP \
        "b 6b\n" \
        "7:\n\t" TML_MVE_LEAVE("48") \
        : "+r"(at) \
        : \
        : TML_MVE_CLOBBERED)

static inline void tml_mve_filter_taps(tml_mve_taps *taps, int32_t halves_away)
{
    register tml_mve_taps *at __asm__("r0") = taps;
    if (halves_away) {
        TML_MVE_FILTER_TAPS(TML_MVE_RESCALE_AWAY);
    } else {
        TML_MVE_FILTER_TAPS(TML_MVE_RESCALE_UP);
    }
}

/* A pixel under any window. */
typedef struct {
    const int8_t *const *taps; /* what lies under an even number of taps */
    const int8_t *const *taps_end;
    const int8_t *weights;  /* [blocks][taps][16] */
    const int32_t *scaling; /* as in tml_mve_taps */
    int8_t *out;
    int32_t blocks;
    uint32_t zero_points[4];
    int32_t channel;        /* the first one of the blocks */
    int32_t r7;
} tml_mve_pixel;

_Static_assert(sizeof(tml_mve_pixel) == 48, "the assembler counts on these offsets");

#define TML_MVE_TWO_POINTERS "ldrd r1, r3, [r2], #8\n\tadd r1, r1, r4\n\tadd r3, r3, r4\n\t"
#define TML_MVE_FILTER_PIXEL(rescale) \
    __asm__ volatile( \
        TML_MVE_ENTER("44") \
        "ldrd r12, r8, [r7, #16]\n\t" \
        "ldrd r10, r11, [r7, #8]\n\t" \
        "ldr r4, [r7, #40]\n" \
        "5:\n\t" \
        "ldrd r2, r9, [r7]\n\t" TML_MVE_TWO_POINTERS TML_MVE_TAP(r1) TML_MVE_FIRST_WIDEN(r3) \
        "cmp r2, r9\n\t" \
        "beq 2f\n" \
        "1:\n\t" TML_MVE_TWO_POINTERS TML_MVE_TAP(r1) TML_MVE_SECOND_TAP(r3) TML_MVE_WIDEN \
        "cmp r2, r9\n\t" \
        "bne 1b\n" \
        "2:\n\t" rescale("q0") rescale("q1") rescale("q2") rescale("q3") TML_MVE_NARROW("24") \
        "vstrb.8 q4, [r12], #16\n\t" \
        "adds r4, r4, #16\n\t" \
        "subs r8, r8, #1\n\t" \
        "bne 5b\n\t" TML_MVE_LEAVE("44") \
        : "+r"(at) \
        : \
        : TML_MVE_CLOBBERED)

static inline void tml_mve_filter_pixel(tml_mve_pixel *pixel, int32_t halves_away)
{
    register tml_mve_pixel *at __asm__("r0") = pixel;
    if (halves_away) {
        TML_MVE_FILTER_PIXEL(TML_MVE_RESCALE_AWAY);
    } else {
        TML_MVE_FILTER_PIXEL(TML_MVE_RESCALE_UP);
    }
}

#endif
