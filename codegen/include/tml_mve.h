/* Helium (MVE) of Armv8.1-M: 16 products of int8 per instruction.
 *
 * A block is 4 filters on 2 pixels: 8 sums, in the 8 registers that VMLADAVA can add to, so that 6 loads serve all 8.
 * The loops are assembler because compilers do not keep these registers free. Weights come 16 taps at a time, four filters side by side, and zeros where taps or filters end.
 *
 * Rescaling. TFLite rounds twice: x = round(sum * multiplier / 2**31), halves up, which is VQRDMULH, then
 * round(x / 2**shift), halves away from zero. VRSHL rounds halves up: the same for x >= 0, and for x < 0 after adding
 * -1, if shift > 0. Where no output is below the zero point (RELU), a negative x comes to nothing: the -1 is left out.
 * Sums beyond int8 are narrowed with saturation, the zero point being added in int16, between the two narrowings.
 */
#ifndef TML_MVE_H
#define TML_MVE_H

#include "tml_types.h"

/* What is computed from is a struct in r0. It goes to r7, which compilers may hold back as a frame pointer and do not let
 * be clobbered: it is kept in the struct, at offset `slot`, in the meantime. */
#define TML_MVE_ENTER(slot) "str r7, [r0, #" slot "]\n\tmov r7, r0\n\t"
#define TML_MVE_LEAVE(slot) "ldr r7, [r7, #" slot "]"
#define TML_MVE_CLOBBERED \
    "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1", "q2", "q3", "q4", \
        "q5", "q6", "q7", "cc", "memory"

/* Pairs of pixels and the filters applied to them. */
typedef struct {
    const int8_t *x[2];     /* the two pixels: moves */
    int32_t vectors;        /* of 16 values in a run */
    const int8_t *weights;  /* [blocks][runs][vectors][4][16] */
    const int32_t *scaling; /* [blocks][9]: biases, multipliers, and in the bytes of a word shifts to the left */
    int8_t *out;            /* of the first pixel: moves */
    const int8_t *out_end;  /* out + filters: moves */
    uint32_t apart;         /* from the first pixel's output to the second's, in bytes, below 65536; << 16 */
    int32_t zero_point;     /* of the output */
    const int8_t **runs;    /* [runs][2]: for tml_mve_filter_runs, instead of x: moves */
    const int8_t *const *runs_end;
    int32_t pairs;          /* to go */
    int32_t x_step;         /* bytes from one pair to the next; steps: the same for each of runs, rounded up to 4 */
    int32_t out_step;       /* from the end of a pair's output to the next pair's */
    int32_t filters;        /* in all blocks */
    const int32_t *steps;
    const int32_t *kept;
    int32_t r7;
} tml_mve_block;

_Static_assert(sizeof(tml_mve_block) == 72, "the assembler counts on these offsets");

#define TML_MVE_VECTOR \
    "vldrb.u8 q0, [r1], #16\n\t" \
    "vldrb.u8 q2, [r11], #16\n\t" \
    "vmladava.s8 r0, q0, q2\n\t" \
    "vldrb.u8 q1, [r3], #16\n\t" \
    "vmladava.s8 r8, q1, q2\n\t" \
    "vldrb.u8 q3, [r11], #16\n\t" \
    "vmladava.s8 r2, q0, q3\n\t" \
    "vmladava.s8 r10, q1, q3\n\t" \
    "vldrb.u8 q4, [r11], #16\n\t" \
    "vmladava.s8 r4, q0, q4\n\t" \
    "vmladava.s8 r12, q1, q4\n\t" \
    "vldrb.u8 q5, [r11], #16\n\t" \
    "vmladava.s8 r6, q0, q5\n\t" \
    "vmladava.s8 lr, q1, q5\n\t"

/* Any number of vectors, an even one, and one. */
#define TML_MVE_VECTORS "1:\n\t" TML_MVE_VECTOR "subs r9, r9, #1\n\tbne 1b\n\t"
#define TML_MVE_TWO_VECTORS "1:\n\t" TML_MVE_VECTOR TML_MVE_VECTOR "subs r9, r9, #2\n\tbne 1b\n\t"
#define TML_MVE_RUN(vectors) "ldm r7, {r1, r3, r9}\n\t" vectors
#define TML_MVE_RUNS \
    "str r5, [r7, #64]\n\t" \
    "ldr r5, [r7, #36]\n" \
    "2:\n\t" \
    "ldrd r1, r3, [r5], #8\n\t" \
    "ldr r9, [r7, #8]\n" TML_MVE_VECTORS \
    "ldr r9, [r7, #40]\n\t" \
    "cmp r5, r9\n\t" \
    "bne 2b\n\t" \
    "ldr r5, [r7, #64]\n\t"

/* To the next pair of pixels: x_step is in r5. */
#define TML_MVE_NEXT \
    "ldm r7, {r1, r3}\n\t" \
    "add r1, r1, r5\n\t" \
    "add r3, r3, r5\n\t" \
    "strd r1, r3, [r7]\n\t"
#define TML_MVE_NEXT_RUNS \
    "ldrd r1, r3, [r7, #36]\n\t" \
    "ldr r2, [r7, #60]\n" \
    "3:\n\t" \
    "vldrw.u32 q0, [r1]\n\t" \
    "vldrw.u32 q1, [r2], #16\n\t" \
    "vadd.i32 q0, q0, q1\n\t" \
    "vstrw.32 q0, [r1], #16\n\t" \
    "cmp r1, r3\n\t" \
    "bcc 3b\n\t"

/* q6: the bytes from `out` to where (pixel 0, pixel 1) of each of 4 filters go; q7: the zero point. */
#define TML_MVE_PLACES \
    "movs r0, #0\n\t" \
    "mov r1, #0x00010001\n\t" \
    "ldrd r3, r2, [r7, #28]\n\t" \
    "vidup.u32 q6, r0, #1\n\t" \
    "vmul.i32 q6, q6, r1\n\t" \
    "vadd.i32 q6, q6, r3\n\t" \
    "vdup.16 q7, r2\n\t"
#define TML_MVE_STORE \
    "vqmovnb.s32 q4, q0\n\t" \
    "vqmovnt.s32 q4, q1\n\t" \
    "vqadd.s16 q4, q4, q7\n\t" \
    "vqmovnb.s16 q4, q4\n\t" \
    "vstrb.16 q4, [r0, q6]\n\t"

#define TML_MVE_FILTER(sums, halves, next) \
    __asm__ volatile( \
        TML_MVE_ENTER("68") TML_MVE_PLACES \
        "6:\n\t" \
        "ldrd r11, r5, [r7, #12]\n" \
        "5:\n\t" \
        "ldm r5, {r0, r2, r4, r6}\n\t" \
        "ldm r5!, {r8, r10, r12, lr}\n\t" sums \
        "vmov q0[2], q0[0], r0, r4\n\t" \
        "vmov q0[3], q0[1], r2, r6\n\t" \
        "vldrw.u32 q2, [r5], #16\n\t" \
        "vmov q1[2], q1[0], r8, r12\n\t" \
        "vmov q1[3], q1[1], r10, lr\n\t" \
        "vldrb.s32 q3, [r5], #4\n\t" \
        "vqrdmulh.s32 q0, q0, q2\n\t" \
        "vqrdmulh.s32 q1, q1, q2\n\t" halves \
        "vrshl.s32 q0, q0, q3\n\t" \
        "vrshl.s32 q1, q1, q3\n\t" \
        "ldrd r0, r2, [r7, #20]\n\t" TML_MVE_STORE \
        "adds r0, r0, #4\n\t" \
        "cmp r0, r2\n\t" \
        "str r0, [r7, #20]\n\t" \
        "bne 5b\n\t" \
        "ldrd r4, r5, [r7, #44]\n\t" \
        "subs r4, r4, #1\n\t" \
        "str r4, [r7, #44]\n\t" \
        "beq 7f\n\t" next \
        "ldrd r5, r6, [r7, #52]\n\t" \
        "add r0, r0, r5\n\t" \
        "add r6, r6, r0\n\t" \
        "strd r0, r6, [r7, #20]\n\t" \
        "b 6b\n" \
        "7:\n\t" TML_MVE_LEAVE("68") \
        : "+r"(at) \
        : \
        : TML_MVE_CLOBBERED)

#define TML_MVE_HALVES_UP
#define TML_MVE_HALVES_AWAY \
    "vshr.s32 q4, q0, #31\n\t" \
    "vadd.i32 q0, q0, q4\n\t" \
    "vshr.s32 q5, q1, #31\n\t" \
    "vadd.i32 q1, q1, q5\n\t"

#define TML_MVE_FILTER_RUN(vectors) \
    if (halves_away) { \
        TML_MVE_FILTER(TML_MVE_RUN(vectors), TML_MVE_HALVES_AWAY, TML_MVE_NEXT); \
    } else { \
        TML_MVE_FILTER(TML_MVE_RUN(vectors), TML_MVE_HALVES_UP, TML_MVE_NEXT); \
    }

/* All filters on all pairs of pixels, of which there is at least one; halves_away: rounding where outputs may lie below
 * the zero point. */
static inline void tml_mve_filter(tml_mve_block *block, int32_t halves_away)
{
    register tml_mve_block *at __asm__("r0") = block;
    if (block->vectors == 1) {
        TML_MVE_FILTER_RUN(TML_MVE_VECTOR)
    } else if (block->vectors % 2 == 0) {
        TML_MVE_FILTER_RUN(TML_MVE_TWO_VECTORS)
    } else {
        TML_MVE_FILTER_RUN(TML_MVE_VECTORS)
    }
}

/* The same for values that lie in several runs of equal length. */
static inline void tml_mve_filter_runs(tml_mve_block *block, int32_t halves_away)
{
    register tml_mve_block *at __asm__("r0") = block;
    if (halves_away) {
        TML_MVE_FILTER(TML_MVE_RUNS, TML_MVE_HALVES_AWAY, TML_MVE_NEXT_RUNS);
    } else {
        TML_MVE_FILTER(TML_MVE_RUNS, TML_MVE_HALVES_UP, TML_MVE_NEXT_RUNS);
    }
}

/* One pixel and two blocks of filters at a time. */
typedef struct {
    const int8_t *x;
    int32_t block_bytes;      /* of the weights of a block */
    int32_t biases_step;      /* bytes from a block's biases to the next one's */
    int32_t vectors;
    const int8_t *weights;    /* [blocks][vectors][4][16] */
    const int32_t *biases;
    int32_t r7;
    uint32_t apart;           /* 4 << 16 */
    int32_t zero_point;       /* of the output */
    const int32_t *rescaling; /* the rest of tml_mve_block's scaling, of two blocks: moves, */
    int8_t *out;              /* and so does this */
    int32_t rescaling_step;   /* bytes to that of the next two blocks */
    const int8_t *out_end;
} tml_mve_one;

_Static_assert(sizeof(tml_mve_one) == 52, "the assembler counts on these offsets");

#define TML_MVE_ONE_VECTOR \
    "vldrb.u8 q0, [r1], #16\n\t" \
    "vldrb.u8 q1, [r11], #16\n\t" \
    "vmladava.s8 r0, q0, q1\n\t" \
    "vldrb.u8 q2, [r11], #16\n\t" \
    "vmladava.s8 r2, q0, q2\n\t" \
    "vldrb.u8 q3, [r11], #16\n\t" \
    "vmladava.s8 r4, q0, q3\n\t" \
    "vldrb.u8 q4, [r11], #16\n\t" \
    "vmladava.s8 r6, q0, q4\n\t" \
    "vldrb.u8 q1, [r3], #16\n\t" \
    "vmladava.s8 r8, q0, q1\n\t" \
    "vldrb.u8 q2, [r3], #16\n\t" \
    "vmladava.s8 r10, q0, q2\n\t" \
    "vldrb.u8 q3, [r3], #16\n\t" \
    "vmladava.s8 r12, q0, q3\n\t" \
    "vldrb.u8 q4, [r3], #16\n\t" \
    "vmladava.s8 lr, q0, q4\n\t"
#define TML_MVE_ONE_VECTORS "1:\n\t" TML_MVE_ONE_VECTOR "subs r9, r9, #1\n\tbne 1b\n\t"
#define TML_MVE_ONE_FOUR_VECTORS \
    "1:\n\t" TML_MVE_ONE_VECTOR TML_MVE_ONE_VECTOR TML_MVE_ONE_VECTOR TML_MVE_ONE_VECTOR \
    "subs r9, r9, #4\n\tbne 1b\n\t"

#define TML_MVE_FILTER_ONE(sums, halves) \
    __asm__ volatile( \
        TML_MVE_ENTER("24") TML_MVE_PLACES \
        "ldr r1, [r7, #8]\n\t" \
        "ldrd r3, r5, [r7, #16]\n\t" \
        "subs r5, r5, r1\n" \
        "5:\n\t" \
        "ldm r7, {r1, r2, r4, r9}\n\t" \
        "add r11, r3, r2\n\t" \
        "add r5, r5, r4\n\t" \
        "ldm r5, {r8, r10, r12, lr}\n\t" \
        "add r5, r5, r4\n\t" \
        "ldm r5, {r0, r2, r4, r6}\n" sums \
        "mov r3, r11\n\t" \
        "vmov q1[2], q1[0], r0, r4\n\t" \
        "vmov q1[3], q1[1], r2, r6\n\t" \
        "ldrd r1, r0, [r7, #36]\n\t" \
        "vmov q0[2], q0[0], r8, r12\n\t" \
        "vldrw.u32 q2, [r1]\n\t" \
        "vmov q0[3], q0[1], r10, lr\n\t" \
        "vldrw.u32 q3, [r1, #36]\n\t" \
        "vqrdmulh.s32 q0, q0, q2\n\t" \
        "vldrb.s32 q2, [r1, #16]\n\t" \
        "vqrdmulh.s32 q1, q1, q3\n\t" \
        "vldrb.s32 q3, [r1, #52]\n\t" halves \
        "vrshl.s32 q0, q0, q2\n\t" \
        "vrshl.s32 q1, q1, q3\n\t" \
        "ldrd r4, r2, [r7, #44]\n\t" TML_MVE_STORE \
        "add r1, r1, r4\n\t" \
        "adds r0, r0, #8\n\t" \
        "cmp r0, r2\n\t" \
        "strd r1, r0, [r7, #36]\n\t" \
        "bne 5b\n\t" TML_MVE_LEAVE("24") \
        : "+r"(at) \
        : \
        : TML_MVE_CLOBBERED)

/* All filters, a multiple of 8. */
static inline void tml_mve_filter_one(tml_mve_one *one, int32_t halves_away)
{
    register tml_mve_one *at __asm__("r0") = one;
    if (one->vectors % 4 == 0) {
        if (halves_away) {
            TML_MVE_FILTER_ONE(TML_MVE_ONE_FOUR_VECTORS, TML_MVE_HALVES_AWAY);
        } else {
            TML_MVE_FILTER_ONE(TML_MVE_ONE_FOUR_VECTORS, TML_MVE_HALVES_UP);
        }
    } else if (halves_away) {
        TML_MVE_FILTER_ONE(TML_MVE_ONE_VECTORS, TML_MVE_HALVES_AWAY);
    } else {
        TML_MVE_FILTER_ONE(TML_MVE_ONE_VECTORS, TML_MVE_HALVES_UP);
    }
}

#endif
