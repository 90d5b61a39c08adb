/* Reference LSTM: int8 input, output and hidden state, int16 cell state. */
#ifndef TML_LSTM_S8_H
#define TML_LSTM_S8_H

#include "tml_lstm.h"

/* The cell state of one unit after a step. */
static inline int32_t tml_lstm_s8_cell(const tml_lstm *p, const int8_t *input, const int8_t *hidden, int32_t cell,
                                       int32_t unit)
{
    const int32_t learn = tml_lstm_logistic(p, tml_lstm_sum(p, &p->input_gate, input, hidden, unit));
    const int32_t forget = tml_lstm_logistic(p, tml_lstm_sum(p, &p->forget_gate, input, hidden, unit));
    const int32_t candidate = tml_lstm_tanh(p, tml_lstm_sum(p, &p->cell_gate, input, hidden, unit));
    const int32_t kept = tml_clamp_s16(tml_lstm_product(&p->forgetting, forget, cell));
    const int32_t learnt = tml_clamp_s16(tml_lstm_product(&p->learning, learn, candidate));
    return tml_clamp(kept + learnt, p->cell_low, p->cell_high);
}

/* All steps; the next states may lie where the states lie. */
static inline void tml_lstm_s8(const tml_lstm *p, const int8_t *input, const int8_t *hidden, const int8_t *cell,
                               int8_t *output, int8_t *next_hidden, int8_t *next_cell, int32_t row_begin,
                               int32_t row_end)
{
    const int32_t units = p->output.channels;
    (void)row_begin;
    (void)row_end;
    for (int32_t step = 0; step < p->input.width; step++) {
        for (int32_t unit = 0; unit < units; unit++) {
            const int32_t state = tml_lstm_s8_cell(p, input, hidden, tml_load_s16(cell, unit), unit);
            const int32_t give = tml_lstm_logistic(p, tml_lstm_sum(p, &p->output_gate, input, hidden, unit));
            const int32_t bent = tml_sigmoid_tanh(p->table, tml_sigmoid_scaled(state, p->tanh_multiplier, p->tanh_shift));
            const int32_t value = tml_lstm_product(&p->giving, give, bent) + p->output_zero_point;
            tml_store_s16(next_cell, unit, state);
            output[unit] = (int8_t)tml_clamp(value, -128, 127);
        }
        hidden = output; /* of the step before */
        cell = next_cell;
        output += units;
        input += p->input.channels;
    }
    for (int32_t unit = 0; unit < units; unit++) {
        next_hidden[unit] = hidden[unit];
    }
}

#endif
