/* Any int8 function of one int8 value, by table, with Helium: 16 values at a time. */
#ifndef TML_UNARY_S8__MVE_H
#define TML_UNARY_S8__MVE_H

#include "tml_unary.h"

/* Output rows [row_begin, row_end). */
static inline void tml_unary_s8__mve(const tml_unary *p, const int8_t *input, int8_t *output, int32_t row_begin,
                                     int32_t row_end)
{
    for (int32_t row = row_begin; row < row_end; row++) {
        const int8_t *in = tml_row(input, &p->input, row);
        int8_t *out = tml_row_out(output, &p->output, row);
        __asm__ volatile(
            "dlstp.8 lr, %[n]\n"
            "1:\n\t"
            "vldrb.u8 q0, [%[in]], #16\n\t"
            "vadd.i8 q0, q0, %[first]\n\t"
            "vldrb.u8 q1, [%[table], q0]\n\t"
            "vstrb.8 q1, [%[out]], #16\n\t"
            "letp lr, 1b"
            : [in] "+r"(in), [out] "+r"(out)
            : [table] "r"(p->table), [first] "r"(128), [n] "r"(p->output.width * p->output.channels)
            : "lr", "q0", "q1", "memory");
    }
}

#endif
