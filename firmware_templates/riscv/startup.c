/* Reset and trap handlers of every RISC-V board, machine mode.
 *
 * No interrupt is ever taken: mstatus.MIE stays clear. So the stack's worst case is the deepest path of calls from
 * Reset_Handler, which tinyml/stack_analysis.py finds in the linked file. The stack lies at the bottom of SRAM: an overflow
 * leaves the memory, it does not run into data.
 */
#include <stdint.h>

#include "port.h"
#include "start.h"

void Reset_Handler(void);
void Fault_Handler(void);
void tml_report_fault(uint32_t pc, uint32_t ra, uint32_t cause, uint32_t sp);

/* First in flash, where the CPU starts. */
__attribute__((naked, noreturn, used, section(".vectors"))) void Reset_Handler(void)
{
    __asm volatile("csrci mstatus, 8\n" /* MIE */
                   "la t0, Fault_Handler\n"
                   "csrw mtvec, t0\n"
                   "la t0, tml_stack_top\n"
                   "mv sp, t0\n"
                   "call tml_startup\n"
                   "1: j 1b\n");
}

/* Starts again at the stack's top: nothing returns from here, and the old stack may be the trap's cause. */
__attribute__((naked, noreturn, used, aligned(4))) void Fault_Handler(void)
{
    __asm volatile("csrr a0, mepc\n"
                   "mv a1, ra\n"
                   "csrr a2, mcause\n"
                   "mv a3, sp\n"
                   "la t0, tml_stack_top\n"
                   "mv sp, t0\n"
                   "call tml_report_fault\n"
                   "1: j 1b\n");
}

__attribute__((noreturn, used)) void tml_report_fault(uint32_t pc, uint32_t ra, uint32_t cause, uint32_t sp)
{
    tml_put_fault("\r\ne-[Trap");
    tml_put_fault_word(" pc=0x", pc);
    tml_put_fault_word(" ra=0x", ra);
    tml_put_fault_word(" mcause=0x", cause);
    if (sp < (uintptr_t)tml_stack_bottom || sp > (uintptr_t)tml_stack_top) {
        tml_put_fault_word(" stack overflow, sp=0x", sp);
    }
    tml_put_fault("]\r\n");
    port_flush();
    for (;;) {
        __asm volatile("wfi");
    }
}
