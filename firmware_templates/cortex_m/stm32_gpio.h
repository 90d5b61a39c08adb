/* STM32 GPIO pins as a UART's: the same registers from F4 to H7. */
#ifndef TML_STM32_GPIO_H
#define TML_STM32_GPIO_H

#include "registers.h"

static inline void gpio_alternate(uintptr_t port, uint32_t pin, uint32_t function)
{
    set_field(port + 0x20u + 4u * (pin >> 3), 0xFu, 4u * (pin & 7u), function); /* AFRL, AFRH */
    set_field(port + 0x0Cu, 3u, 2u * pin, 1u);                                  /* PUPDR: up */
    set_field(port, 3u, 2u * pin, 2u);                                          /* MODER: alternate function */
}

static inline void stm32_uart_pins(void)
{
    set_bits(UART_GPIO_ENABLE_REGISTER, UART_GPIO_ENABLE_BITS);
    set_bits(UART_UART_ENABLE_REGISTER, UART_UART_ENABLE_BITS);
    (void)REGISTER(UART_UART_ENABLE_REGISTER); /* two clocks until the block answers */
    gpio_alternate(UART_TX_PORT, UART_TX_PIN, UART_TX_FUNCTION);
    gpio_alternate(UART_RX_PORT, UART_RX_PIN, UART_RX_FUNCTION);
}

#endif
