/* nRF52840 (Product Specification 1.7): the crystal for an exact baud rate, and the flash cache. Not run on silicon yet. */
#include "drivers.h"
#include "registers.h"

void clock_init(void)
{
    REGISTER(0x40000100u) = 0u; /* CLOCK: EVENTS_HFCLKSTARTED */
    REGISTER(0x40000000u) = 1u; /* TASKS_HFCLKSTART */
    wait_for(0x40000100u, 1u, 1u);
    REGISTER(0x4001E540u) = 1u; /* NVMC: ICACHECNF */
}
