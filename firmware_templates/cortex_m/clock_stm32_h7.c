/* STM32H743 (RM0433): HSI 64 MHz through PLL1, P = 2, voltage scale 1. AHB at half the CPU clock, each APB at a quarter.
 * Not run on silicon yet. */
#include "drivers.h"
#include "registers.h"

#define RCC 0x58024400u
#define PWR_CSR1 0x58024804u
#define PWR_CR3 0x5802480Cu
#define PWR_D3CR 0x58024818u
#define FLASH_ACR 0x52002000u

void clock_init(void)
{
    /* The supply is set once after power-on: LDO on, bypass and SMPS off. */
    set_field(PWR_CR3, 7u, 0u, 2u);
    wait_for(PWR_CSR1, 1u << 13, 1u << 13); /* ACTVOSRDY */
    set_field(PWR_D3CR, 3u, 14u, 3u);       /* VOS 1 */
    wait_for(PWR_D3CR, 1u << 13, 1u << 13); /* VOSRDY */
    set_field(FLASH_ACR, 0x3Fu, 0u, 0x22u); /* 2 wait states, WRHIGHFREQ 2: up to 210 MHz AXI at VOS 1 */
    wait_for(FLASH_ACR, 0x3Fu, 0x22u);

    set_field(RCC + 0x28u, 0x3Fu, 4u, CLOCK_PLL_M); /* PLLCKSELR: DIVM1 */
    set_field(RCC + 0x28u, 3u, 0u, 0u);             /* from HSI */
    /* PLLCFGR: input 8 to 16 MHz, wide VCO, no fraction, output P alone */
    set_field(RCC + 0x2Cu, 0xFu, 0u, 3u << 2);
    set_field(RCC + 0x2Cu, 7u, 16u, 1u);
    REGISTER(RCC + 0x30u) = (1u << 24) | (1u << 16) | (1u << 9) | (CLOCK_PLL_N - 1u); /* PLL1DIVR: P 2 */
    set_bits(RCC, 1u << 24);                                                          /* PLL1ON */
    wait_for(RCC, 1u << 25, 1u << 25);

    REGISTER(RCC + 0x18u) = (4u << 4) | 8u;         /* D1CFGR: CPU /1, HPRE /2, D1PPRE /2 */
    REGISTER(RCC + 0x1Cu) = (4u << 8) | (4u << 4);  /* D2CFGR */
    REGISTER(RCC + 0x20u) = 4u << 4;                /* D3CFGR */
    set_field(RCC + 0x10u, 7u, 0u, 3u);             /* CFGR: SW = PLL1 */
    wait_for(RCC + 0x10u, 7u << 3, 3u << 3);
}
