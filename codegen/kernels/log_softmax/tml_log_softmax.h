/* Parameters of the log_softmax kernel. */
#ifndef TML_LOG_SOFTMAX_H
#define TML_LOG_SOFTMAX_H

#include "tml_fixed_point.h"

typedef struct {
    tml_view input;
    tml_view output;
    int32_t exp_count;        /* [1, 256] */
    const int32_t *exp_table; /* [exp_count]: exp(-i * scale) in Q12; what follows counts as 0 */
    int32_t multiplier;       /* Q31, with its shift from steps of the input to Q5 */
    int32_t shift;
    int32_t back_multiplier; /* and back */
    int32_t back_shift;
    int32_t least; /* difference to the maximum that counts */
} tml_log_softmax;

#endif
