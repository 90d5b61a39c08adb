/* CMSDK APB UART (Arm DDI 0479). */
#include "drivers.h"
#include "port.h"
#include "registers.h"

#define DATA (UART_BASE + 0x0u)
#define STATE (UART_BASE + 0x4u)

void uart_init(void)
{
    REGISTER(UART_BASE + 0x10u) = UART_CLOCK_HZ / UART_BAUD;
    REGISTER(UART_BASE + 0x8u) = 3u; /* CTRL: transmitter and receiver on */
}

int port_getchar(void)
{
    wait_for(STATE, 2u, 2u); /* receive buffer full */
    return (int)(REGISTER(DATA) & 0xFFu);
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
