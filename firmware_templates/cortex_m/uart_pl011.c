/* PL011 (Arm DDI 0183) as the RP2040 wires it: UART0 on GP0 and GP1. Not run on silicon yet. */
#include "drivers.h"
#include "port.h"
#include "registers.h"

#define FR (UART_BASE + 0x18u)
#define DIVIDER_64THS ((UART_CLOCK_HZ * 4u + UART_BAUD / 2u) / UART_BAUD) /* clock / (16 * baud) * 64 */

void uart_init(void)
{
    REGISTER(0x40014004u) = 2u; /* IO_BANK0: GPIO0 is UART0 TX */
    REGISTER(0x4001400Cu) = 2u; /* GPIO1 is UART0 RX */
    REGISTER(UART_BASE + 0x24u) = DIVIDER_64THS >> 6;
    REGISTER(UART_BASE + 0x28u) = DIVIDER_64THS & 63u;
    REGISTER(UART_BASE + 0x2Cu) = (3u << 5) | (1u << 4);           /* LCR_H: 8 bits, FIFOs on; latches the divider */
    REGISTER(UART_BASE + 0x30u) = (1u << 9) | (1u << 8) | 1u;      /* CR: receive, transmit, enable */
}

int port_getchar(void)
{
    wait_for(FR, 1u << 4, 0u); /* RXFE */
    return (int)(REGISTER(UART_BASE) & 0xFFu);
}

void port_putchar(char c)
{
    wait_for(FR, 1u << 5, 0u); /* TXFF */
    REGISTER(UART_BASE) = (uint8_t)c;
}

void port_flush(void)
{
    wait_for(FR, 1u << 3, 0u); /* BUSY */
}
