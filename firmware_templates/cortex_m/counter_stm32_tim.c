/* STM32 TIM2 or TIM5 (RM0090): 32 bits, counting up without an interrupt. */
#include "drivers.h"
#include "port.h"
#include "registers.h"

void counter_init(void)
{
    set_bits(COUNTER_ENABLE_REGISTER, COUNTER_ENABLE_BITS);
    REGISTER(COUNTER_BASE + 0x28u) = COUNTER_DIVIDER - 1u; /* PSC */
    REGISTER(COUNTER_BASE + 0x2Cu) = 0xFFFFFFFFu;          /* ARR */
    REGISTER(COUNTER_BASE + 0x14u) = 1u;                   /* EGR: UG loads both */
    REGISTER(COUNTER_BASE) = 1u;                           /* CR1: CEN */
}

uint32_t port_ticks(void)
{
    return REGISTER(COUNTER_BASE + 0x24u); /* CNT */
}
