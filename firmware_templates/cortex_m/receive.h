/* Waiting for a byte from the serial line.
 *
 * A board whose [uart] names `receive_irq` sleeps meanwhile. Emulated boards do: a CPU that polls takes the host's time from
 * the emulator's thread that is to bring the byte. A pending interrupt ends WFI though PRIMASK, set since reset, keeps it
 * from being taken ("Wait For Interrupt" in the Armv6-M and Armv7-M manuals): no handler, and the stack stays as it is. Silicon
 * polls: cycle counters stop in sleep, and a debug probe may not find a sleeping core. */
#ifndef TML_RECEIVE_H
#define TML_RECEIVE_H

#include "registers.h"

#ifdef UART_RECEIVE_IRQ
#define RECEIVE_SLEEPS 1u
#define RECEIVE_NVIC_BIT (1u << (UART_RECEIVE_IRQ & 31u))
#define RECEIVE_NVIC_WORD (4u * (UART_RECEIVE_IRQ >> 5))

static inline void receive_init(void)
{
    REGISTER(0xE000E100u + RECEIVE_NVIC_WORD) = RECEIVE_NVIC_BIT; /* NVIC ISER */
}

/* The flag is read before every sleep, so that a byte that came in between is never slept on. */
static inline void receive_wait(uintptr_t address, uint32_t mask)
{
    while ((REGISTER(address) & mask) == 0u) {
        __asm volatile("dsb\n\twfi" ::: "memory");
    }
}

/* After the UART itself has been served; until then its line keeps the interrupt pending. */
static inline void receive_done(void)
{
    REGISTER(0xE000E280u + RECEIVE_NVIC_WORD) = RECEIVE_NVIC_BIT; /* NVIC ICPR */
}
#else
#define RECEIVE_SLEEPS 0u

static inline void receive_init(void)
{
}

static inline void receive_wait(uintptr_t address, uint32_t mask)
{
    wait_for(address, mask, mask);
}

static inline void receive_done(void)
{
}
#endif

#endif
