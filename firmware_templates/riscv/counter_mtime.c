/* The machine timer of the RISC-V privileged architecture (3.2.1): the low half of its 64 bits. It always runs. */
#include "drivers.h"
#include "port.h"
#include "registers.h"

void counter_init(void)
{
}

uint32_t port_ticks(void)
{
    return REGISTER(COUNTER_MTIME);
}
