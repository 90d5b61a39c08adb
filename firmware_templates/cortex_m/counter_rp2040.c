/* A 32-bit cycle count without an interrupt: SysTick has its low 24 bits, the 1 MHz timer tells how often SysTick wrapped.
 * Both run from the crystal, so they keep step; either reading may be 2^23 cycles late. Not run on silicon yet. */
#include "drivers.h"
#include "port.h"
#include "registers.h"
#include "tml_app.h"

static uint32_t offset;

static uint32_t coarse_cycles(void)
{
    return REGISTER(0x40054028u) * (TML_APP_CLOCK_HZ / 1000000u); /* TIMERAWL */
}

static uint32_t fine_cycles(void)
{
    return 0u - REGISTER(0xE000E018u); /* SYST_CVR counts down */
}

void counter_init(void)
{
    REGISTER(0xE000E014u) = 0xFFFFFFu; /* SYST_RVR */
    REGISTER(0xE000E018u) = 0u;
    REGISTER(0xE000E010u) = 5u; /* SYST_CSR: the CPU's clock, no interrupt */
    offset = coarse_cycles() - fine_cycles();
}

uint32_t port_ticks(void)
{
    const uint32_t coarse = coarse_cycles();
    const uint32_t ahead = (fine_cycles() + offset - coarse) & 0xFFFFFFu;
    return coarse + ahead - ((ahead & 0x800000u) << 1);
}
