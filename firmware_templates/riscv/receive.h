/* Waiting for a byte from the serial line.
 *
 * A board whose [uart] names `receive_irq` and its `plic` sleeps meanwhile. Emulated boards do: a CPU that polls takes the
 * host's time from the emulator's thread that is to bring the byte. An interrupt that is pending and enabled in mie ends WFI
 * though mstatus.MIE keeps it from being taken (RISC-V privileged architecture 3.3.3): no handler, and the stack stays as
 * it is. */
#ifndef TML_RECEIVE_H
#define TML_RECEIVE_H

#include "registers.h"

#ifdef UART_RECEIVE_IRQ
#define RECEIVE_SLEEPS 1u

/* Platform-level interrupt controller, context 0: machine mode of hart 0 (RISC-V PLIC specification 1.0.0). */
static inline void receive_init(void)
{
    REGISTER(UART_PLIC + 4u * UART_RECEIVE_IRQ) = 1u;                                         /* priority */
    REGISTER(UART_PLIC + 0x2000u + 4u * (UART_RECEIVE_IRQ >> 5)) = 1u << (UART_RECEIVE_IRQ & 31u); /* enable */
    REGISTER(UART_PLIC + 0x200000u) = 0u;                                                     /* threshold */
    __asm volatile("csrs mie, %0" ::"r"(1u << 11) : "memory");                                /* MEIE */
}

/* The flag is read before every sleep, so that a byte that came in between is never slept on. */
static inline void receive_wait(uintptr_t address, uint8_t mask)
{
    while ((REGISTER8(address) & mask) == 0u) {
        __asm volatile("fence\n\twfi" ::: "memory");
    }
}

/* After the UART itself has been served; until then its line keeps the interrupt pending. */
static inline void receive_done(void)
{
    const uint32_t source = REGISTER(UART_PLIC + 0x200004u); /* claim */
    REGISTER(UART_PLIC + 0x200004u) = source;                /* complete */
}
#else
#define RECEIVE_SLEEPS 0u

static inline void receive_init(void)
{
}

static inline void receive_wait(uintptr_t address, uint8_t mask)
{
    while ((REGISTER8(address) & mask) == 0u) {
    }
}

static inline void receive_done(void)
{
}
#endif

#endif
