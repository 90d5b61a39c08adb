/* STM32 USART of F1, F2 and F4 (RM0090, RM0390): SR and DR. */
#include "drivers.h"
#include "port.h"
#include "receive.h"
#include "stm32_gpio.h"

#define SR (UART_BASE + 0x0u)
#define DR (UART_BASE + 0x4u)

void uart_init(void)
{
    stm32_uart_pins();
    REGISTER(UART_BASE + 0x8u) = (UART_CLOCK_HZ + UART_BAUD / 2u) / UART_BAUD; /* BRR */
    REGISTER(UART_BASE + 0xCu) = (1u << 13) | (RECEIVE_SLEEPS << 5) | (1u << 3) | (1u << 2); /* CR1: UE, RXNEIE, TE, RE */
    receive_init();
}

int port_getchar(void)
{
    receive_wait(SR, 1u << 5); /* RXNE; reading SR then DR also clears an overrun */
    const int c = (int)(REGISTER(DR) & 0xFFu);
    receive_done();
    return c;
}

void port_putchar(char c)
{
    wait_for(SR, 1u << 7, 1u << 7); /* TXE */
    REGISTER(DR) = (uint8_t)c;
}

void port_flush(void)
{
    wait_for(SR, 1u << 6, 1u << 6); /* TC */
}
