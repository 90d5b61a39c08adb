/* The four functions a C compiler may call on its own. Freestanding builds only: a hosted build has its libc's. */
#include <stddef.h>
#include <stdint.h>

#if defined(__STDC_HOSTED__) && __STDC_HOSTED__ == 1 && !defined(TML_MEM_TEST)

typedef int tml_mem_is_hosted; /* ISO C forbids an empty file */

#else

#ifdef TML_MEM_TEST /* lets a hosted test call them beside libc's */
#define memcpy tml_test_memcpy
#define memmove tml_test_memmove
#define memset tml_test_memset
#define memcmp tml_test_memcmp
#endif

/* gcc would turn the loops below into calls of the very functions they implement. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

typedef uint32_t __attribute__((may_alias)) word;

void *memcpy(void *restrict target, const void *restrict source, size_t count);
void *memmove(void *target, const void *source, size_t count);
void *memset(void *target, int value, size_t count);
int memcmp(const void *left, const void *right, size_t count);

static int both_aligned(const void *a, const void *b)
{
    return (((uintptr_t)a | (uintptr_t)b) & 3u) == 0u;
}

void *memcpy(void *restrict target, const void *restrict source, size_t count)
{
    uint8_t *to = target;
    const uint8_t *from = source;
    if (both_aligned(to, from)) {
        for (; count >= 4u; count -= 4u, to += 4, from += 4) {
            *(word *)(void *)to = *(const word *)(const void *)from;
        }
    }
    while (count-- != 0u) {
        *to++ = *from++;
    }
    return target;
}

void *memmove(void *target, const void *source, size_t count)
{
    uint8_t *to = target;
    const uint8_t *from = source;
    if ((uintptr_t)to <= (uintptr_t)from) {
        while (count-- != 0u) {
            *to++ = *from++;
        }
    } else {
        while (count-- != 0u) {
            to[count] = from[count];
        }
    }
    return target;
}

void *memset(void *target, int value, size_t count)
{
    uint8_t *to = target;
    const uint8_t byte = (uint8_t)value;
    for (; count != 0u && ((uintptr_t)to & 3u) != 0u; count--) {
        *to++ = byte;
    }
    for (; count >= 4u; count -= 4u, to += 4) {
        *(word *)(void *)to = byte * 0x01010101u;
    }
    while (count-- != 0u) {
        *to++ = byte;
    }
    return target;
}

int memcmp(const void *left, const void *right, size_t count)
{
    const uint8_t *a = left;
    const uint8_t *b = right;
    for (; count != 0u; count--, a++, b++) {
        if (*a != *b) {
            return (int)*a - (int)*b;
        }
    }
    return 0;
}

#endif
