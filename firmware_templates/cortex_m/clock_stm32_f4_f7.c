/* STM32F42x/F446 (RM0390) and STM32F7 (RM0385): HSI 16 MHz through the PLL, P = 2, with over-drive. Not run on silicon yet. */
#include "drivers.h"
#include "registers.h"

#define RCC_CR 0x40023800u
#define RCC_PLLCFGR 0x40023804u
#define RCC_CFGR 0x40023808u
#define RCC_APB1ENR 0x40023840u
#define PWR_CR 0x40007000u
#define PWR_CSR 0x40007004u
#define FLASH_ACR 0x40023C00u

static void select_voltage_scale_1(void)
{
    set_bits(RCC_APB1ENR, 1u << 28); /* PWREN */
    (void)REGISTER(RCC_APB1ENR);     /* two clocks until the block answers */
    set_bits(PWR_CR, 3u << 14);      /* VOS: scale 1 */
}

void clock_init(void)
{
    select_voltage_scale_1();
    /* P = 0 is a division by 2; bit 22 = 0 selects HSI; Q = 9 and R = 2 are legal and unused. */
    REGISTER(RCC_PLLCFGR) = (2u << 28) | (9u << 24) | (CLOCK_PLL_N << 6) | CLOCK_PLL_M;
    set_bits(RCC_CR, 1u << 24); /* PLLON */
    set_bits(PWR_CR, 1u << 16); /* ODEN */
    wait_for(PWR_CSR, 1u << 16, 1u << 16);
    set_bits(PWR_CR, 1u << 17); /* ODSWEN */
    wait_for(PWR_CSR, 1u << 17, 1u << 17);
    wait_for(RCC_CR, 1u << 25, 1u << 25); /* PLLRDY */
    REGISTER(FLASH_ACR) = CLOCK_FLASH_CONTROL;
    wait_for(FLASH_ACR, 0xFu, CLOCK_FLASH_CONTROL & 0xFu);
    REGISTER(RCC_CFGR) =
        (CLOCK_APB2_DIVIDER_CODE << 13) | (CLOCK_APB1_DIVIDER_CODE << 10) | (CLOCK_AHB_DIVIDER_CODE << 4);
    set_field(RCC_CFGR, 3u, 0u, 2u); /* SW: PLL */
    wait_for(RCC_CFGR, 3u << 2, 2u << 2);
}
