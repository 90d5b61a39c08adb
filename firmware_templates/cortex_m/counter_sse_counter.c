/* SSE-300 system counter, control frame (Arm 101370): the low half of its 64 bits. */
#include "drivers.h"
#include "port.h"
#include "registers.h"

void counter_init(void)
{
    REGISTER(COUNTER_BASE) = 1u; /* CNTCR: EN */
}

uint32_t port_ticks(void)
{
    return REGISTER(COUNTER_BASE + 0x8u); /* CNTCV, low word */
}
