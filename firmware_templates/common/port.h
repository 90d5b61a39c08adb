/* What a template provides: the serial line, a tick counter and the stack's measure. */
#ifndef TML_PORT_H
#define TML_PORT_H

#include <stdint.h>

void port_init(void);
int port_getchar(void);           /* blocking; the byte as 0..255; -1: the line is closed (host only) */
void port_putchar(char c);        /* may buffer until port_flush() */
void port_flush(void);
uint32_t port_ticks(void);        /* free-running up counter of TML_APP_TICK_HZ, full 32 bit wrap */
uint32_t port_stack_size(void);   /* bytes */
uint32_t port_stack_peak(void);   /* bytes ever used since the last repaint */
void port_stack_repaint(void);    /* repaints below the current frame */
void port_exit(int code);         /* host: exit; emulators: semihosting or nothing; silicon: reset */

#endif
