/* Vector table, reset and fault handlers of every Cortex-M board.
 *
 * No interrupt is ever taken: PRIMASK is set from reset on. So the stack's worst case is the deepest path of calls from
 * Reset_Handler, which tinyml/stack_analysis.py finds in the linked file. The stack lies at the bottom of SRAM: an overflow
 * leaves the memory and faults, it does not run into data.
 */
#include <stdint.h>

#include "port.h"
#include "registers.h"
#include "start.h"

void Reset_Handler(void);
void Fault_Handler(void);
void tml_report_fault(const uint32_t *frame);

typedef struct {
    uint32_t *stack_top;
    void (*handlers[15])(void);
} vector_table;

extern const vector_table tml_vectors;
/* NMI, HardFault, MemManage, BusFault, UsageFault, SecureFault, 3 reserved, SVCall, DebugMonitor, reserved, PendSV, SysTick */
const vector_table tml_vectors __attribute__((section(".vectors"), used)) = {
    tml_stack_top,
    {Reset_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, 0, 0, 0,
     Fault_Handler, Fault_Handler, 0, Fault_Handler, Fault_Handler},
};

/* The FPU (and with it Helium) must be on before compiled code runs: a compiler may use its registers to copy. FPCCR = 0:
 * an exception stacks 32 bytes, never the FPU's registers. */
#ifdef BOARD_HAS_FPU
#define ENABLE_FPU                                                                                                     \
    "ldr r0, =0xE000ED88\n" /* CPACR */                                                                                \
    "ldr r1, [r0]\n"                                                                                                   \
    "orr r1, r1, #0x00F00000\n"                                                                                        \
    "str r1, [r0]\n"                                                                                                   \
    "ldr r0, =0xE000EF34\n" /* FPCCR */                                                                                \
    "movs r1, #0\n"                                                                                                    \
    "str r1, [r0]\n"                                                                                                   \
    "dsb\n"                                                                                                            \
    "isb\n"
#else
#define ENABLE_FPU ""
#endif

__attribute__((naked, noreturn, used)) void Reset_Handler(void)
{
    __asm volatile("cpsid i\n"
                   "ldr r0, =tml_stack_top\n"
                   "mov sp, r0\n" ENABLE_FPU "bl tml_startup\n"
                   "b .\n"
                   ".ltorg\n");
}

/* Starts again at the stack's top: nothing returns from here, and the old stack may be the fault's cause. */
__attribute__((naked, noreturn, used)) void Fault_Handler(void)
{
    __asm volatile("cpsid i\n"
                   "mrs r0, msp\n"
                   "ldr r1, =tml_stack_top\n"
                   "mov sp, r1\n"
                   "bl tml_report_fault\n"
                   "b .\n"
                   ".ltorg\n");
}

/* frame: r0 r1 r2 r3 r12 lr pc xpsr, pushed by the CPU; below the stack when the stack was full. */
__attribute__((noreturn, used)) void tml_report_fault(const uint32_t *frame)
{
    tml_put_fault("\r\ne-[HardFault");
    if (frame >= tml_stack_bottom && frame + 8 <= tml_stack_top) {
        tml_put_fault_word(" pc=0x", frame[6]);
        tml_put_fault_word(" lr=0x", frame[5]);
    } else {
        tml_put_fault_word(" stack overflow, sp=0x", (uint32_t)(uintptr_t)frame);
    }
#ifdef BOARD_HAS_FAULT_STATUS
    tml_put_fault_word(" cfsr=0x", REGISTER(0xE000ED28u));
#endif
    tml_put_fault("]\r\n");
    port_flush();
    for (;;) {
        __asm volatile("wfi");
    }
}
