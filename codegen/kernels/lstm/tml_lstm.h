/* Parameters of the LSTM kernel. */
#ifndef TML_LSTM_H
#define TML_LSTM_H

#include "tml_accumulator.h"
#include "tml_int16.h"
#include "tml_lookup.h"

typedef struct {
    const int8_t *input_weights;     /* [units][features] */
    const int8_t *recurrent_weights; /* [units][units] */
    const int32_t *bias;
    int32_t input_multiplier; /* to steps of 2^-12 */
    int32_t input_shift;
    int32_t recurrent_multiplier;
    int32_t recurrent_shift;
} tml_lstm_gate;

typedef struct {
    int32_t multiplier;
    int32_t shift;
} tml_lstm_factor;

typedef struct {
    tml_view input; /* one row of all steps */
    tml_view hidden;
    tml_view cell;
    tml_view output;
    tml_view next_hidden;
    tml_view next_cell;
    tml_lstm_gate input_gate;
    tml_lstm_gate forget_gate;
    tml_lstm_gate cell_gate;
    tml_lstm_gate output_gate;
    tml_lstm_factor forgetting; /* forget gate times cell, to the cell's steps */
    tml_lstm_factor learning;   /* input gate times candidate, to the cell's steps */
    tml_lstm_factor giving;     /* output gate times tanh, to the output's steps */
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t cell_low;
    int32_t cell_high;
    int32_t tanh_multiplier; /* of a cell state, to steps of 1/12288, with a shift to the right */
    int32_t tanh_shift;
    const uint16_t *table;
} tml_lstm;

/* A gate of one unit before its activation, in steps of 2^-12. */
static inline int32_t tml_lstm_sum(const tml_lstm *p, const tml_lstm_gate *gate, const int8_t *input,
                                   const int8_t *hidden, int32_t unit)
{
    const int32_t features = p->input.channels;
    const int32_t units = p->output.channels;
    const int8_t *weights = gate->input_weights + (size_t)unit * (size_t)features;
    const int8_t *recurrent = gate->recurrent_weights + (size_t)unit * (size_t)units;
    int32_t by_input = 0;
    int32_t by_hidden = 0;
    TML_COUNT_MACS(features + units);
    for (int32_t i = 0; i < features; i++) {
        by_input += (input[i] - p->input_zero_point) * weights[i];
    }
    for (int32_t i = 0; i < units; i++) {
        by_hidden += (hidden[i] - p->output_zero_point) * recurrent[i];
    }
    by_input = tml_add_wrapping(by_input, gate->bias[unit]);
    by_input = tml_clamp_s16(tml_requantize(by_input, gate->input_multiplier, gate->input_shift));
    by_hidden = tml_clamp_s16(tml_requantize(by_hidden, gate->recurrent_multiplier, gate->recurrent_shift));
    return tml_clamp_s16(by_input + by_hidden);
}

/* Activations of a gate. */
static inline int32_t tml_lstm_logistic(const tml_lstm *p, int32_t sum)
{
    return tml_sigmoid_logistic(p->table, 3 * sum);
}

static inline int32_t tml_lstm_tanh(const tml_lstm *p, int32_t sum)
{
    return tml_sigmoid_tanh(p->table, 3 * sum);
}

static inline int32_t tml_lstm_product(const tml_lstm_factor *factor, int32_t a, int32_t b)
{
    return tml_requantize(a * b, factor->multiplier, factor->shift);
}

#endif
