/* Four int8 at a time with the DSP extension, in a word from any address.
 *
 * Twin of tests/dsp_host/tml_dsp_bytes.h: change both or neither.
 */
#ifndef TML_DSP_BYTES_H
#define TML_DSP_BYTES_H

#include "tml_types.h"

/* Four bytes, lowest first. */
static inline int32_t tml_dsp_word(const int8_t *bytes)
{
    int32_t word;
    __asm__("ldr %0, %1" : "=r"(word) : "m"(*(const int8_t(*)[4])bytes));
    return word;
}

static inline void tml_dsp_put(int8_t *bytes, int32_t word)
{
    __asm__("str %1, %0" : "=m"(*(int8_t(*)[4])bytes) : "r"(word));
}

/* The greater of each two bytes, and the lesser. */
static inline int32_t tml_dsp_max_bytes(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(result) : "r"(a), "r"(b) : "cc");
    return result;
}

static inline int32_t tml_dsp_min_bytes(int32_t a, int32_t b)
{
    int32_t result;
    __asm__("ssub8 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(result) : "r"(a), "r"(b) : "cc");
    return result;
}

/* Adds bytes 0 and 2 to two sums of 16 bits, and bytes 1 and 3. */
static inline int32_t tml_dsp_add_even(int32_t sums, int32_t word)
{
    int32_t result;
    __asm__("sxtab16 %0, %1, %2" : "=r"(result) : "r"(sums), "r"(word));
    return result;
}

static inline int32_t tml_dsp_add_odd(int32_t sums, int32_t word)
{
    int32_t result;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(sums), "r"(word));
    return result;
}

#endif
