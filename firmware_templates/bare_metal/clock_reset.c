/* The clock stays as the reset left it: emulated boards. */
#include "drivers.h"

void clock_init(void)
{
}
