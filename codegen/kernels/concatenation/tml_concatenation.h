/* Parameters of the concatenation kernels. */
#ifndef TML_CONCATENATION_H
#define TML_CONCATENATION_H

#include "tml_copy.h"

/* A row of the output is `repeats` times one chunk of each input that has a part in it. */
typedef struct {
    const tml_view *inputs;
    tml_view output;
    int32_t input_count;
    int32_t repeats;
    int32_t stride;           /* bytes of output from one repeat to the next */
    const int32_t *chunk;     /* [input_count], bytes */
    const int32_t *offset;    /* [input_count], bytes into the repeat */
    const int32_t *first_row; /* [input_count], the output row that the input's row 0 is part of */
} tml_concatenation;

#endif
