/* CMSDK APB UART (Arm DDI 0479). */
#include "drivers.h"
#include "port.h"
#include "receive.h"
#include "registers.h"

#define DATA (UART_BASE + 0x0u)
#define STATE (UART_BASE + 0x4u)

void uart_init(void)
{
    REGISTER(UART_BASE + 0x10u) = UART_CLOCK_HZ / UART_BAUD;
    REGISTER(UART_BASE + 0x8u) = 3u | (RECEIVE_SLEEPS << 3); /* CTRL: transmitter and receiver on, receive interrupt */
    receive_init();
}

int port_getchar(void)
{
    receive_wait(STATE, 2u);           /* receive buffer full */
    REGISTER(UART_BASE + 0xCu) = 2u;   /* INTCLEAR: receive */
    const int c = (int)(REGISTER(DATA) & 0xFFu);
    receive_done();
    return c;
}

void port_putchar(char c)
{
    wait_for(STATE, 1u, 0u); /* transmit buffer full */
    REGISTER(DATA) = (uint8_t)c;
}

void port_flush(void)
{
    wait_for(STATE, 1u, 0u);
}
