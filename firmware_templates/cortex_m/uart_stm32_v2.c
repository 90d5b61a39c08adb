/* STM32 USART and LPUART of F7, H7 and L4 (RM0385, RM0433, RM0432): ISR, RDR and TDR. Not run on silicon yet. */
#include "drivers.h"
#include "port.h"
#include "stm32_gpio.h"

#define ISR (UART_BASE + 0x1Cu)
#define ICR (UART_BASE + 0x20u)

/* UART_CLOCK_SCALE: 1 for a USART, 256 for an LPUART. */
#define BAUD_DIVIDER ((uint32_t)((1ull * UART_CLOCK_SCALE * UART_CLOCK_HZ + UART_BAUD / 2u) / UART_BAUD))

void uart_init(void)
{
    stm32_uart_pins();
    REGISTER(UART_BASE + 0xCu) = BAUD_DIVIDER;           /* BRR */
    REGISTER(UART_BASE) = (1u << 3) | (1u << 2) | 1u;    /* CR1: TE, RE, UE */
}

int port_getchar(void)
{
    while ((REGISTER(ISR) & (1u << 5)) == 0u) { /* RXNE */
        REGISTER(ICR) = 1u << 3;                /* an overrun blocks reception until cleared */
    }
    return (int)(REGISTER(UART_BASE + 0x24u) & 0xFFu);
}

void port_putchar(char c)
{
    wait_for(ISR, 1u << 7, 1u << 7); /* TXE */
    REGISTER(UART_BASE + 0x28u) = (uint8_t)c;
}

void port_flush(void)
{
    wait_for(ISR, 1u << 6, 1u << 6); /* TC */
}
