/* The plain UART of nRF51 and nRF52 (nRF51 Reference Manual 3.0, nRF52840 Product Specification 1.7). */
#include "drivers.h"
#include "port.h"
#include "receive.h"
#include "registers.h"

#define RXDRDY (UART_BASE + 0x108u)
#define TXDRDY (UART_BASE + 0x11Cu)

void uart_init(void)
{
    REGISTER(0x50000508u) = 1u << UART_TX_PIN; /* GPIO OUTSET: the line idles high */
    REGISTER(0x50000518u) = 1u << UART_TX_PIN; /* DIRSET */
    REGISTER(UART_BASE + 0x50Cu) = UART_TX_PIN;
    REGISTER(UART_BASE + 0x514u) = UART_RX_PIN;
    REGISTER(UART_BASE + 0x524u) = UART_BAUD_SETTING;
    REGISTER(UART_BASE + 0x500u) = 4u; /* ENABLE */
    REGISTER(UART_BASE + 0x304u) = RECEIVE_SLEEPS << 2; /* INTENSET: RXDRDY */
    receive_init();
    REGISTER(UART_BASE + 0x000u) = 1u; /* STARTRX */
    REGISTER(UART_BASE + 0x008u) = 1u; /* STARTTX */
}

int port_getchar(void)
{
    receive_wait(RXDRDY, 1u);
    REGISTER(RXDRDY) = 0u; /* before RXD is read: reading lets the next byte of the FIFO raise the event */
    const int c = (int)(REGISTER(UART_BASE + 0x518u) & 0xFFu);
    receive_done();
    return c;
}

void port_putchar(char c)
{
    REGISTER(TXDRDY) = 0u;
    REGISTER(UART_BASE + 0x51Cu) = (uint8_t)c;
    wait_for(TXDRDY, 1u, 1u);
}

void port_flush(void)
{
}
