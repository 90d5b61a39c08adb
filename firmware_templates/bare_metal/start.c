/* From the reset handler to main(), the painted stack's measure, and the text of a fault: alike on every core. */
#include "start.h"

#include "port.h"

#define PAINT 0xA5A5A5A5u

extern uint32_t tml_data_start[];
extern uint32_t tml_data_end[];
extern const uint32_t tml_data_load[];
extern uint32_t tml_bss_start[];
extern uint32_t tml_bss_end[];

int main(void);

__attribute__((noreturn, used)) void tml_startup(void)
{
    port_stack_repaint();
    const volatile uint32_t *from = tml_data_load;
    for (volatile uint32_t *to = tml_data_start; to < tml_data_end; to++) {
        *to = *from++;
    }
    for (volatile uint32_t *to = tml_bss_start; to < tml_bss_end; to++) {
        *to = 0;
    }
    (void)main();
    port_exit(0);
    for (;;) {
    }
}

uint32_t port_stack_size(void)
{
    return (uint32_t)((uintptr_t)tml_stack_top - (uintptr_t)tml_stack_bottom);
}

uint32_t port_stack_peak(void)
{
    const volatile uint32_t *word = tml_stack_bottom;
    while (word < tml_stack_top && *word == PAINT) {
        word++;
    }
    return (uint32_t)((uintptr_t)tml_stack_top - (uintptr_t)word);
}

void tml_put_fault(const char *text)
{
    while (*text != '\0') {
        port_putchar(*text++);
    }
}

void tml_put_fault_word(const char *label, uint32_t word)
{
    tml_put_fault(label);
    for (int shift = 28; shift >= 0; shift -= 4) {
        port_putchar("0123456789abcdef"[(word >> shift) & 15u]);
    }
}
