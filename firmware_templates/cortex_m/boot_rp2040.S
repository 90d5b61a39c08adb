/* RP2040 second-stage boot (datasheet 2.8.1.3.1, 4.10.10): the boot ROM copies these 252 bytes and their CRC-32 from the start
 * of flash to SRAM and runs them there. They set the flash interface to plain 03h reads, one wire, clock / 4, mapped at
 * 0x10000000, and enter the firmware through its vector table. The build assembles this file alone and writes the words with
 * their checksum to boot_image.c. Position-independent. Not run on silicon yet. */
    .syntax unified
    .cpu cortex-m0plus
    .thumb

    .section .boot, "ax"
    .global tml_boot
    .type tml_boot, %function
    .thumb_func
tml_boot:
    ldr r3, =0x18000000     /* XIP_SSI */
    movs r0, #0
    str r0, [r3, #0x08]     /* SSIENR: off while it is set up */
    movs r0, #4
    str r0, [r3, #0x14]     /* BAUDR */
    ldr r0, =0x001F0300     /* CTRLR0: 32-bit frames, standard SPI, EEPROM read */
    str r0, [r3, #0x00]
    movs r0, #0
    str r0, [r3, #0x04]     /* CTRLR1: one frame a read */
    ldr r0, =0x03000218     /* SPI_CTRLR0: command 03h of 8 bits, 24 bits of address */
    movs r1, #0xF4
    str r0, [r3, r1]
    movs r0, #1
    str r0, [r3, #0x08]

    ldr r0, =0x10000100     /* the firmware's vectors */
    ldr r1, =0xE000ED08     /* VTOR */
    str r0, [r1]
    ldr r1, [r0]
    mov sp, r1
    ldr r1, [r0, #4]
    bx r1
    .ltorg
