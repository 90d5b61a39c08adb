/* port.h for every RISC-V board, save what start.c and the UART and counter drivers define. */
#include "port.h"

#include "drivers.h"

void port_init(void)
{
    clock_init();
    counter_init();
    uart_init();
}

/* In assembly, since it has no frame there: a compiler may push registers after it has read sp. */
__attribute__((naked)) void port_stack_repaint(void)
{
    __asm volatile("la t0, tml_stack_bottom\n"
                   "li t1, 0xA5A5A5A5\n"
                   "j 2f\n"
                   "1: sw t1, 0(t0)\n"
                   "addi t0, t0, 4\n"
                   "2: bltu t0, sp, 1b\n"
                   "ret\n");
}

void port_exit(int code)
{
    (void)code;
    port_flush();
    board_reset();
    for (;;) {
    }
}
