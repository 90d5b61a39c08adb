/* Moving, setting and clamping exactly so many bytes with Helium. */
#ifndef TML_MVE_BYTES_H
#define TML_MVE_BYTES_H

#include "tml_types.h"

/* Copies exactly `count` bytes, at least 1. */
static inline void tml_mve_copy(int8_t *target, const int8_t *source, int32_t count)
{
    __asm__ volatile(
        "dlstp.8 lr, %[n]\n"
        "1:\n\t"
        "vldrb.u8 q0, [%[s]], #16\n\t"
        "vstrb.8 q0, [%[t]], #16\n\t"
        "letp lr, 1b"
        : [t] "+r"(target), [s] "+r"(source)
        : [n] "r"(count)
        : "lr", "q0", "memory");
}

/* Copies exactly `count` bytes, at least 1, a vector at a time: its bytes to target + places[0..15]. The next one
 * starts `read` bytes on, at most 16, and is written `written` bytes on. */
static inline void tml_mve_spread(int8_t *target, const int8_t *source, int32_t count, const uint8_t *places,
                                  int32_t read, int32_t written)
{
    __asm__ volatile(
        "vldrb.u8 q1, [%[p]]\n"
        "1:\n\t"
        "vctp.8 %[n]\n\t"
        "vpstt\n\t"
        "vldrbt.u8 q0, [%[s]]\n\t"
        "vstrbt.8 q0, [%[t], q1]\n\t"
        "add %[s], %[s], %[r]\n\t"
        "add %[t], %[t], %[w]\n\t"
        "subs %[n], %[n], %[r]\n\t"
        "bgt 1b"
        : [t] "+r"(target), [s] "+r"(source), [n] "+r"(count)
        : [p] "r"(places), [r] "r"(read), [w] "r"(written)
        : "q0", "q1", "cc", "memory");
}

/* Sets `count` bytes, at least 1. */
static inline void tml_mve_fill(int8_t *target, int32_t value, int32_t count)
{
    __asm__ volatile(
        "vdup.8 q0, %[v]\n\t"
        "dlstp.8 lr, %[n]\n"
        "1:\n\t"
        "vstrb.8 q0, [%[t]], #16\n\t"
        "letp lr, 1b"
        : [t] "+r"(target)
        : [v] "r"(value), [n] "r"(count)
        : "lr", "q0", "memory");
}

/* Clamps `count` values, at least 1, in place. */
static inline void tml_mve_clamp(int8_t *values, int32_t count, int32_t low, int32_t high)
{
    __asm__ volatile(
        "vdup.8 q1, %[low]\n\t"
        "vdup.8 q2, %[high]\n\t"
        "dlstp.8 lr, %[n]\n"
        "1:\n\t"
        "vldrb.u8 q0, [%[t]]\n\t"
        "vmax.s8 q0, q0, q1\n\t"
        "vmin.s8 q0, q0, q2\n\t"
        "vstrb.8 q0, [%[t]], #16\n\t"
        "letp lr, 1b"
        : [t] "+r"(values)
        : [low] "r"(low), [high] "r"(high), [n] "r"(count)
        : "lr", "q0", "q1", "q2", "memory");
}

#endif
