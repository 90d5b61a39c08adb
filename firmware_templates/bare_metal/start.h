/* What the start-up code of every core shares. */
#ifndef TML_START_H
#define TML_START_H

#include <stdint.h>

extern uint32_t tml_stack_bottom[];
extern uint32_t tml_stack_top[];

/* Called on a fresh stack with interrupts off: paints it, fills the variables and runs main(). */
void tml_startup(void) __attribute__((noreturn));

/* A fault's report, straight to the serial line. */
void tml_put_fault(const char *text);
void tml_put_fault_word(const char *label, uint32_t word); /* the word in eight hex digits */

#endif
