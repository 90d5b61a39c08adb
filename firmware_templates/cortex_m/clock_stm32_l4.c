/* STM32L4+ (RM0432): HSI 16 MHz through the PLL, R = 2, to 120 MHz in range 1 boost mode. Not run on silicon yet. */
#include "drivers.h"
#include "registers.h"

#define RCC 0x40021000u
#define PWR 0x40007000u
#define FLASH_ACR 0x40022000u

static void enable_power(void)
{
    set_bits(RCC + 0x58u, 1u << 28); /* APB1ENR1: PWREN */
    (void)REGISTER(RCC + 0x58u);
    set_field(PWR, 3u, 9u, 1u);                   /* CR1: range 1 */
    wait_for(PWR + 0x14u, 1u << 10, 0u);          /* SR2: VOSF */
    REGISTER(PWR + 0x80u) &= ~(1u << 8);          /* CR5: R1MODE = boost */
    set_bits(PWR + 0x04u, 1u << 9);               /* CR2: IOSV, port G's supply */
}

void clock_init(void)
{
    enable_power();
    REGISTER(FLASH_ACR) = (1u << 10) | (1u << 9) | (1u << 8) | 5u; /* caches, prefetch, 5 wait states */
    wait_for(FLASH_ACR, 0xFu, 5u);
    set_bits(RCC, 1u << 8); /* HSION */
    wait_for(RCC, 1u << 10, 1u << 10);
    /* PLLCFGR: R on, /2; from HSI16 */
    REGISTER(RCC + 0x0Cu) = (1u << 24) | (CLOCK_PLL_N << 8) | ((CLOCK_PLL_M - 1u) << 4) | 2u;
    set_bits(RCC, 1u << 24); /* PLLON */
    wait_for(RCC, 1u << 25, 1u << 25);
    set_field(RCC + 0x08u, 0xFu, 4u, 8u); /* HPRE /2: above 80 MHz the step is made in two */
    set_field(RCC + 0x08u, 3u, 0u, 3u);   /* SW: PLL */
    wait_for(RCC + 0x08u, 3u << 2, 3u << 2);
    for (volatile uint32_t wait = 0; wait < 60u; wait++) { /* at least 1 us at 60 MHz */
    }
    set_field(RCC + 0x08u, 0xFu, 4u, 0u);
}
