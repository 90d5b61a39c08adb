/* port.h for every Cortex-M board, save what start.c and the UART and counter drivers define. */
#include "port.h"

#include "drivers.h"
#include "registers.h"

#ifdef BOARD_HAS_CACHE
/* Armv7-M reference manual B2.2.7: invalidate by set and way before the data cache goes on. */
static void enable_caches(void)
{
    const uint32_t size = REGISTER(0xE000ED80u); /* CCSIDR of the level 1 data cache */
    const uint32_t sets = (size >> 13) & 0x7FFFu;
    const uint32_t ways = (size >> 3) & 0x3FFu;
    REGISTER(0xE000EF50u) = 0u; /* ICIALLU */
    for (uint32_t set = 0; set <= sets; set++) {
        for (uint32_t way = 0; way <= ways && way < 4u; way++) {
            REGISTER(0xE000EF60u) = (way << 30) | (set << 5); /* DCISW: 4 ways of 32-byte lines */
        }
    }
    __asm volatile("dsb\n\tisb" ::: "memory");
    set_bits(0xE000ED14u, (1u << 17) | (1u << 16)); /* CCR: IC, DC */
    __asm volatile("dsb\n\tisb" ::: "memory");
}
#endif

void port_init(void)
{
    clock_init();
#ifdef BOARD_HAS_CACHE
    enable_caches();
#endif
#ifdef BOARD_HAS_MVE
    set_bits(0xE000ED14u, 1u << 19); /* CCR.LOB: low-overhead loops */
    __asm volatile("dsb\n\tisb" ::: "memory");
#endif
    counter_init();
    uart_init();
}

/* In assembly, since it has no frame there: a compiler may push registers after it has read sp. */
__attribute__((naked)) void port_stack_repaint(void)
{
    __asm volatile("ldr r0, =tml_stack_bottom\n"
                   "ldr r1, =0xA5A5A5A5\n"
                   "mov r2, sp\n"
                   "b 2f\n"
                   "1: stm r0!, {r1}\n"
                   "2: cmp r0, r2\n"
                   "blo 1b\n"
                   "bx lr\n"
                   ".ltorg\n");
}

/* A system reset, on silicon and under emulation: AIRCR with its key. */
void port_exit(int code)
{
    (void)code;
    port_flush();
    __asm volatile("dsb" ::: "memory");
    REGISTER(0xE000ED0Cu) = 0x05FA0004u;
    for (;;) {
    }
}
