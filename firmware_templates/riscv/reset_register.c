/* A system reset by writing one word to one register. */
#include "drivers.h"
#include "registers.h"

void board_reset(void)
{
    REGISTER(RESET_ADDRESS) = RESET_VALUE;
}
