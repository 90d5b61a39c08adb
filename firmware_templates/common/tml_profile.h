/* Per-step counters of a profile build (-DTML_PROFILE): the generated model includes this and brackets each step.
 * A step that runs several times (fused groups) accumulates. Each pass includes the cost of reading the counter once. */
#ifndef TML_PROFILE_H
#define TML_PROFILE_H

#include <stdint.h>

#include "port.h"

extern uint32_t tml_step_ticks[]; /* one per step; defined in main.c */
extern uint32_t tml_step_started;

#define TML_STEP_BEGIN(index) (tml_step_started = port_ticks())
#define TML_STEP_END(index) (tml_step_ticks[(index)] += port_ticks() - tml_step_started)

#endif
