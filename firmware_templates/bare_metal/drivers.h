/* What a driver file defines. The rest of port.h follows from the file's kind: uart_*.c defines port_getchar, port_putchar
 * and port_flush, counter_*.c defines port_ticks. */
#ifndef TML_DRIVERS_H
#define TML_DRIVERS_H

void clock_init(void);   /* clock_<driver>.c: the CPU at TML_APP_CLOCK_HZ */
void uart_init(void);    /* uart_<driver>.c: 8 data bits, no parity, 1 stop bit */
void counter_init(void); /* counter_<driver>.c */
void board_reset(void);  /* reset_<driver>.c: RISC-V only, a Cortex-M has a register of its own for it */

#endif
