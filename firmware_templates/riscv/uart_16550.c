/* 16550 (National Semiconductor PC16550D) with registers a byte apart. */
#include "drivers.h"
#include "port.h"
#include "receive.h"
#include "registers.h"

#define DATA (UART_BASE + 0u)
#define LSR (UART_BASE + 5u)
#define DIVISOR ((UART_CLOCK_HZ + 8u * UART_BAUD) / (16u * UART_BAUD))

void uart_init(void)
{
    REGISTER8(UART_BASE + 3u) = 0x80u; /* LCR: DLAB */
    REGISTER8(UART_BASE) = (uint8_t)(DIVISOR & 0xFFu);
    REGISTER8(UART_BASE + 1u) = (uint8_t)(DIVISOR >> 8);
    REGISTER8(UART_BASE + 3u) = 3u;             /* LCR: 8 bits */
    REGISTER8(UART_BASE + 2u) = 7u;             /* FCR: FIFOs on and empty */
    REGISTER8(UART_BASE + 1u) = RECEIVE_SLEEPS; /* IER: received data */
    receive_init();
}

int port_getchar(void)
{
    receive_wait(LSR, 1u); /* data ready */
    const int c = REGISTER8(DATA);
    receive_done();
    return c;
}

void port_putchar(char c)
{
    while ((REGISTER8(LSR) & 0x20u) == 0u) { /* transmitter holding register empty */
    }
    REGISTER8(DATA) = (uint8_t)c;
}

void port_flush(void)
{
    while ((REGISTER8(LSR) & 0x40u) == 0u) { /* transmitter empty */
    }
}
