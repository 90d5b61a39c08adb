/* nRF TIMER0 in its 32-bit mode at 16 MHz, read by capture. */
#include "drivers.h"
#include "port.h"
#include "registers.h"

void counter_init(void)
{
    REGISTER(COUNTER_BASE + 0x504u) = 0u; /* MODE: timer */
    REGISTER(COUNTER_BASE + 0x508u) = 3u; /* BITMODE: 32 */
    REGISTER(COUNTER_BASE + 0x510u) = 0u; /* PRESCALER */
    REGISTER(COUNTER_BASE + 0x00Cu) = 1u; /* TASKS_CLEAR */
    REGISTER(COUNTER_BASE + 0x000u) = 1u; /* TASKS_START */
}

uint32_t port_ticks(void)
{
    REGISTER(COUNTER_BASE + 0x040u) = 1u; /* TASKS_CAPTURE[0] */
    return REGISTER(COUNTER_BASE + 0x540u);
}
