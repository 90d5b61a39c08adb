/* What a sliding window covers of an image whose rows may be held in a ring.
 *
 * All divisions and border tests happen once per output row or column, none per tap. A ring always holds every image
 * row between the first and the last tap, so walking down a window passes its end at most once.
 */
#ifndef TML_WINDOW_H
#define TML_WINDOW_H

#include "tml_types.h"

/* The taps [begin, end) along one side of a window that lie inside the image. */
typedef struct {
    int32_t begin;
    int32_t end;
} tml_taps;

/* first: image position of tap 0, `dilation` ahead of that of tap 1.   size: of the image along this side. */
static inline tml_taps tml_taps_inside(int32_t first, int32_t count, int32_t dilation, int32_t size)
{
    tml_taps taps = {0, count};
    while (taps.begin < count && first + taps.begin * dilation < 0) {
        taps.begin++;
    }
    while (taps.end > taps.begin && first + (taps.end - 1) * dilation >= size) {
        taps.end--;
    }
    return taps;
}

/* A window's rows and columns inside the image, and where in memory they lie. */
typedef struct {
    tml_taps rows;
    tml_taps columns;
    int32_t row_offset;    /* bytes from the start of the ring to the image row under rows.begin */
    int32_t row_step;      /* bytes from there to the next row of taps, unless the ring ends between them */
    int32_t ring_bytes;    /* in all */
    int32_t column_offset; /* bytes from the start of an image row to the pixel under columns.begin */
    int32_t column_step;   /* bytes from there to the next tap */
} tml_window;

/* The rows of a window of `count` rows whose first lies on image row `top`. */
static inline void tml_window_set_rows(tml_window *window, const tml_view *view, int32_t top, int32_t count,
                                       int32_t dilation)
{
    const int32_t row_bytes = view->stride;
    window->rows = tml_taps_inside(top, count, dilation, view->height);
    window->row_step = dilation * row_bytes;
    window->ring_bytes = view->rows * row_bytes;
    window->row_offset = 0;
    if (window->rows.begin < window->rows.end) {
        window->row_offset = tml_slot(view, top + window->rows.begin * dilation) * row_bytes;
    }
}

/* The columns of a window of `count` columns whose first lies on image column `left`. */
static inline void tml_window_set_columns(tml_window *window, const tml_view *view, int32_t left, int32_t count,
                                          int32_t dilation)
{
    window->columns = tml_taps_inside(left, count, dilation, view->width);
    window->column_step = dilation * view->channels;
    window->column_offset = 0;
    if (window->columns.begin < window->columns.end) {
        window->column_offset = (left + window->columns.begin * dilation) * view->channels;
    }
}

/* From the offset of one row under the window to that of the row below. */
static inline int32_t tml_window_next_row(const tml_window *window, int32_t row_offset)
{
    const int32_t next = row_offset + window->row_step;
    return next < window->ring_bytes ? next : next - window->ring_bytes;
}

#endif
