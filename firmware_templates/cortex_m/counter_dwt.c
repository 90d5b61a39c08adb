/* The DWT cycle counter of ARMv7-M and later silicon. QEMU does not model it. */
#include "drivers.h"
#include "port.h"
#include "registers.h"

void counter_init(void)
{
    set_bits(0xE000EDFCu, 1u << 24);      /* DEMCR: TRCENA */
    REGISTER(0xE0001FB0u) = 0xC5ACCE55u;  /* LAR: the Cortex-M7 locks the registers below */
    REGISTER(0xE0001004u) = 0u;           /* CYCCNT */
    set_bits(0xE0001000u, 1u);            /* CTRL: CYCCNTENA */
}

uint32_t port_ticks(void)
{
    return REGISTER(0xE0001004u);
}
