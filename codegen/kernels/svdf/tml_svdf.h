/* Parameters of the SVDF kernels. */
#ifndef TML_SVDF_H
#define TML_SVDF_H

#include "tml_accumulator.h"

/* Filter f of unit f / rank. A filter's state is `memory` activations, the oldest first. */
typedef struct {
    tml_view input;
    tml_view state;
    tml_view output;
    tml_view next;
    int32_t features;
    int32_t memory;
    int32_t rank;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t state_zero_point; /* of an int8 state */
    int32_t state_multiplier; /* from feature sums to the state */
    int32_t state_shift;
    int32_t output_multiplier; /* from sums over time to the output */
    int32_t output_shift;
    const int8_t *feature_weights;
    const int8_t *time_weights;       /* with an int8 state */
    const int16_t *wide_time_weights; /* with an int16 state */
    const int32_t *bias;
} tml_svdf;

/* What a filter makes of the newest input, in steps of the state; not clamped. */
static inline int32_t tml_svdf_feature(const tml_svdf *p, const int8_t *input, int32_t filter)
{
    const int8_t *weights = p->feature_weights + (size_t)filter * (size_t)p->features;
    int32_t sum = 0;
    TML_COUNT_MACS(p->features + p->memory);
    for (int32_t i = 0; i < p->features; i++) {
        sum += (input[i] - p->input_zero_point) * weights[i];
    }
    return tml_requantize(sum, p->state_multiplier, p->state_shift);
}

/* The output of a unit from its sum over time and rank, bias included. */
static inline int8_t tml_svdf_output(const tml_svdf *p, int32_t sum)
{
    return tml_rescale(sum, p->output_multiplier, p->output_shift, p->output_zero_point, -128, 127);
}

#endif
