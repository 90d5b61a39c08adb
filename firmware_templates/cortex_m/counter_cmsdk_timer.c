/* CMSDK APB timer (Arm DDI 0479): 32 bits, counting down without an interrupt. */
#include "drivers.h"
#include "port.h"
#include "registers.h"

void counter_init(void)
{
    REGISTER(COUNTER_BASE + 0x8u) = 0xFFFFFFFFu; /* RELOAD */
    REGISTER(COUNTER_BASE + 0x4u) = 0xFFFFFFFFu; /* VALUE */
    REGISTER(COUNTER_BASE) = 1u;                 /* CTRL: enable */
}

uint32_t port_ticks(void)
{
    return ~REGISTER(COUNTER_BASE + 0x4u);
}
