/* Types that every kernel shares. */
#ifndef TML_TYPES_H
#define TML_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* For what does the work on one pixel: kept out of the loops around it, its own loops have the registers to themselves,
 * and it costs the same however often, and wherever, a kernel is called. */
#if defined(__GNUC__)
#define TML_NOINLINE __attribute__((noinline))
#else
#define TML_NOINLINE
#endif

/* For what is handed a function: inlined, it calls that one by its name. */
#if defined(__GNUC__)
#define TML_INLINE inline __attribute__((always_inline))
#else
#define TML_INLINE inline
#endif

/* Told of every output value: how many multiply-accumulates it takes. For tests that count them. */
#ifndef TML_COUNT_MACS
#define TML_COUNT_MACS(count)
#endif

/* An activation in memory, NHWC with N = 1: `rows` of its `height` rows are held, row r in slot r % rows. A row takes
 * `stride` bytes, more than its values do when it is a strip of a wider image. */
typedef struct {
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t rows;
    int32_t stride;
} tml_view;

/* Where row `row` is held. Divides when the rows are a ring: for once per output row, not for inner loops. */
static inline int32_t tml_slot(const tml_view *view, int32_t row)
{
    return view->rows == view->height ? row : row % view->rows;
}

/* Bytes from the start of the buffer to row `row` of an int8 activation. */
static inline size_t tml_row_offset(const tml_view *view, int32_t row)
{
    return (size_t)tml_slot(view, row) * (size_t)view->stride;
}

/* First byte of row `row` for reading. */
static inline const int8_t *tml_row(const int8_t *base, const tml_view *view, int32_t row)
{
    return base + tml_row_offset(view, row);
}

/* First byte of row `row` for writing. */
static inline int8_t *tml_row_out(int8_t *base, const tml_view *view, int32_t row)
{
    return base + tml_row_offset(view, row);
}

static inline int32_t tml_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t tml_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t tml_clamp(int32_t value, int32_t low, int32_t high)
{
    return tml_min(tml_max(value, low), high);
}

#endif
