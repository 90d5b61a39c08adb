/* RP2040 (datasheet 2.15, 2.16, 2.18): crystal 12 MHz, PLL_SYS to 125 MHz, and the 1 MHz tick. Not run on silicon yet. */
#include "drivers.h"
#include "registers.h"

#define CLOCKS 0x40008000u
#define RESETS 0x4000C000u
#define XOSC 0x40024000u
#define PLL_SYS 0x40028000u

static void end_reset(uint32_t blocks)
{
    REGISTER(RESETS) &= ~blocks;
    wait_for(RESETS + 8u, blocks, blocks);
}

static void start_pll(void)
{
    end_reset(1u << 12);
    REGISTER(PLL_SYS) = 1u;          /* reference divider 1 */
    REGISTER(PLL_SYS + 8u) = 125u;   /* VCO 12 MHz * 125 = 1500 MHz */
    REGISTER(PLL_SYS + 4u) = 0xCu;   /* power on all but the post dividers; DSMPD stays set */
    wait_for(PLL_SYS, 1u << 31, 1u << 31);
    REGISTER(PLL_SYS + 12u) = (6u << 16) | (2u << 12); /* / 6 / 2 = 125 MHz */
    REGISTER(PLL_SYS + 4u) = 0x4u;
}

void clock_init(void)
{
    REGISTER(XOSC + 12u) = 47u; /* 47 * 256 cycles: 1 ms */
    REGISTER(XOSC) = (0xFABu << 12) | 0xAA0u;
    wait_for(XOSC + 4u, 1u << 31, 1u << 31);
    REGISTER(CLOCKS + 0x3Cu) = 0u; /* CLK_SYS from CLK_REF while the PLL starts */
    wait_for(CLOCKS + 0x44u, 3u, 1u);
    REGISTER(CLOCKS + 0x30u) = 2u; /* CLK_REF from the crystal */
    wait_for(CLOCKS + 0x38u, 0xFu, 1u << 2);
    start_pll();
    REGISTER(CLOCKS + 0x3Cu) = 0u; /* auxiliary source: PLL_SYS */
    REGISTER(CLOCKS + 0x3Cu) = 1u; /* CLK_SYS from it */
    wait_for(CLOCKS + 0x44u, 3u, 2u);
    REGISTER(CLOCKS + 0x48u) = 1u << 11;        /* CLK_PERI on, from CLK_SYS */
    REGISTER(0x4005802Cu) = (1u << 9) | 12u;    /* WATCHDOG TICK: crystal / 12 = 1 MHz */
    end_reset((1u << 5) | (1u << 8) | (1u << 21) | (1u << 22)); /* IO_BANK0, PADS_BANK0, TIMER, UART0 */
}
