/* What a template provides: the serial line, a tick counter and the stack's measure. */
#ifndef TML_PORT_H
#define TML_PORT_H

#include <stdint.h>

void port_init(void);
int port_getchar(void);     /* blocking; the byte as 0..255; -1: the line is closed (host only) */
void port_putchar(char c);  /* may buffer until port_flush() */
void port_flush(void);      /* returns when all is on its way */
uint32_t port_ticks(void);  /* free-running up counter of TML_APP_TICK_HZ, full 32 bit wrap */

/* The stack is painted with 0xA5A5A5A5 at start-up. The host's belongs to the operating system: size and peak are 0 there,
 * and so is the prediction that they are held against. */
uint32_t port_stack_size(void);   /* bytes */
uint32_t port_stack_peak(void);   /* bytes used at most since the last repaint, the callers' frames included */
void port_stack_repaint(void);    /* repaints below the caller's frame */

void port_exit(int code);   /* host: exits; a board, emulated or not: a system reset, and the firmware starts again */

#endif
