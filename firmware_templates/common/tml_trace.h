/* Checksums of a trace build (-DTML_TRACE): after each kernel call the generated model hands over the rows that the call
 * wrote. A step that runs several times (fused groups) goes on with its checksum. Twin: tinyml/profiler/bisection.py. */
#ifndef TML_TRACE_H
#define TML_TRACE_H

#include <stdint.h>

/* Rows [begin, end) of a tensor: row r is `bytes` bytes at first + r % rows * stride. */
void tml_trace_rows(uint32_t step, const int8_t *first, int32_t rows, int32_t stride, int32_t bytes, int32_t begin,
                    int32_t end);
void tml_trace_clear(void);

#endif
