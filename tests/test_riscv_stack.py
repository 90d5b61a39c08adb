"""The decoder of RV32IMC against the assembler's text, and worst cases of small programs known by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml.board import load_board
from tinyml.errors import ToolchainError
from tinyml.riscv import decode
from tinyml.stack_analysis import worst_case
from tinyml.toolchain import installed_toolchains

BOARD = load_board("qemu_riscv32_virt")
COMPILERS = installed_toolchains(BOARD)
HEAD = """
    .text
.macro function name
    .global \\name
    .type \\name, %function
\\name:
.endm
"""
TRAP = "function Fault_Handler\n 1: j 1b\n"
SCRIPT = """
SECTIONS { .text 0x20000000 : { *(.text .text.*) *(.rodata .rodata.* .srodata.*) }
           .bss 0x80000000 : { *(.bss .bss.* .sbss .sbss.*) }
           /DISCARD/ : { *(.eh_frame*) } }
tml_stack_top = 0x80001000;
ENTRY(Reset_Handler)
"""
needs_a_compiler = pytest.mark.skipif(not COMPILERS, reason="no compiler for rv32imc is installed")


def link(tmp_path: Path, file: str, text: str) -> Path:
    compiler = COMPILERS[0]
    (tmp_path / file).write_text(text)
    (tmp_path / "link.ld").write_text(SCRIPT)
    compiler.run([*compiler.compile_flags(BOARD), "-c", file, "-o", "a.o"], tmp_path)
    flags = [flag for flag in compiler.link_flags(BOARD, "link.ld") if flag != "-Wl,--gc-sections"]
    compiler.run([*flags, "a.o", "-o", "a.elf"], tmp_path)
    return tmp_path / "a.elf"


def assemble(tmp_path: Path, body: str) -> Path:
    return link(tmp_path, "a.S", HEAD + f"function Reset_Handler\n {body}\n" + ("" if "Fault_H" in body else TRAP))


@pytest.mark.parametrize(
    ("word", "kind", "size", "rd", "rs1", "immediate"),
    [
        (0x7139, "addi", 2, 2, 2, -64),  # c.addi16sp sp, -64
        (0x6125, "addi", 2, 2, 2, 96),  # c.addi16sp sp, 96
        (0x1141, "addi", 2, 2, 2, -16),  # c.addi sp, -16
        (0x0808, "addi", 2, 10, 2, 16),  # c.addi4spn a0, sp, 16
        (0x1FFC, "addi", 2, 15, 2, 1020),  # c.addi4spn a5, sp, 1020
        (0x4505, "addi", 2, 10, 0, 1),  # c.li a0, 1
        (0x77FD, "lui", 2, 15, 0, 0xFFFFF000),  # c.lui a5, 0xfffff
        (0x8082, "jalr", 2, 0, 1, 0),  # ret
        (0x9782, "jalr", 2, 1, 15, 0),  # c.jalr a5
        (0x853E, "add", 2, 10, 0, 0),  # c.mv a0, a5
        (0x9002, "stop", 2, 0, 0, 0),  # c.ebreak
        (0xC100, "other", 2, 0, 0, 0),  # c.sw s0, 0(a0)
        (0x4100, "other", 2, 8, 0, 0),  # c.lw s0, 0(a0)
        (0x2100, "unknown", 2, 0, 0, 0),  # c.fld fs0, 0(a0)
        (0xBFFD, "jal", 2, 0, 0, -2),  # c.j .-2
        (0x3FFD, "jal", 2, 1, 0, -2),  # c.jal .-2
        (0xD97D, "branch", 2, 0, 0, -10),  # c.beqz a0, .-10
        (0x80010113, "addi", 4, 2, 2, -2048),
        (0xFF017113, "andi", 4, 2, 2, -16),
        (0x40A10133, "sub", 4, 2, 2, 0),  # sub sp, sp, a0
        (0x02B50533, "other", 4, 10, 0, 0),  # mul a0, a0, a1
        (0x00001517, "auipc", 4, 10, 0, 0x1000),
        (0xFFDFF0EF, "jal", 4, 1, 0, -4),
        (0xFE000EE3, "branch", 4, 0, 0, -4),
        (0x30200073, "mret", 4, 0, 0, 0),
        (0x00052007, "unknown", 4, 0, 0, 0),  # flw ft0, 0(a0)
    ],
)
def test_an_instruction_is_decoded(word: int, kind: str, size: int, rd: int, rs1: int, immediate: int) -> None:
    i = decode(word)
    assert (i.kind, i.size, i.rd, i.rs1, i.immediate) == (kind, size, rd, rs1, immediate)


LEAF = "function leaf\n addi sp, sp, -16\n addi sp, sp, 16\n ret\n"
SAVE, RESTORE = "addi sp, sp, -16\n sw ra, 12(sp)\n", "lw ra, 12(sp)\n addi sp, sp, 16\n ret\n"

KNOWN = {
    "frames add up": (80, "addi sp, sp, -64\n addi sp, sp, -16\n addi sp, sp, 80\n 1: j 1b\n"),
    "a call adds the callee": (32, "addi sp, sp, -16\n call leaf\n 1: j 1b\n" + LEAF),
    "a tail call adds it after the pops": (16, "addi sp, sp, -16\n addi sp, sp, 16\n tail leaf\n" + LEAF),
    "the deeper of two paths": (48, "beqz a0, 1f\n addi sp, sp, -48\n 1: j 1b\n"),
    "a frame beyond 12 bits": (4112, "li t0, 4096\n addi sp, sp, -16\n sub sp, sp, t0\n 1: j 1b\n"),
    "a negative one": (6000, "li t0, -6000\n add sp, sp, t0\n 1: j 1b\n"),
    "sp restored from the frame pointer": (
        32,
        "call f\n 1: j 1b\nfunction f\n addi sp, sp, -32\n addi s0, sp, 32\n addi sp, s0, -32\n"
        " addi sp, sp, 32\n ret\n",
    ),
    "an aligned frame takes what alignment may": (64 + 48, "addi sp, sp, -64\n andi sp, sp, -64\n 1: j 1b\n"),
    "a call through a constant": (16, "la t0, leaf\n jalr t0\n 1: j 1b\n" + LEAF),
    "code after a call that never returns": (
        16,
        "call halt\n addi sp, sp, -64\nfunction halt\n addi sp, sp, -16\n ebreak\n",
    ),
    "falling into the next function": (32, "addi sp, sp, -16\nfunction next\n addi sp, sp, -16\n 1: j 1b\n"),
    "a loop that is balanced": (16, "1: addi sp, sp, -16\n addi sp, sp, 16\n bnez a0, 1b\n 2: j 2b\n"),
    "a handler that starts at the top counts alone": (
        32,
        "addi sp, sp, -16\n 1: j 1b\n"
        "function Fault_Handler\n la t0, tml_stack_top\n mv sp, t0\n addi sp, sp, -32\n 1: j 1b\n",
    ),
    "another handler comes on top": (
        48,
        "addi sp, sp, -16\n 1: j 1b\nfunction Fault_Handler\n addi sp, sp, -32\n addi sp, sp, 32\n mret\n",
    ),
}


@needs_a_compiler
@pytest.mark.parametrize("name", KNOWN)
def test_known_by_hand(name: str, tmp_path: Path) -> None:
    expected, body = KNOWN[name]
    assert worst_case(assemble(tmp_path, body)).bytes == expected


REFUSED = {
    "recursion": (
        "recursion has no bound: .*f -> g -> f",
        f"call f\nfunction f\n {SAVE} call g\nfunction g\n call f\n",
    ),
    "through a pointer": ("a jump through a pointer in x15", "jalr a5\n"),
    "jump table": ("a jump through a pointer in x10", "jr a0\n"),
    "sp at run time": ("computed at run time: sub", "sub sp, sp, a0\n"),
    "sp from memory": ("computed at run time: other", "lw sp, 0(a0)\n"),
    "growing": ("grows in a loop", "1: addi sp, sp, -16\n j 1b\n"),
    "the return address may be another": ("a jump through a pointer in x5", "jr t0\n"),
}


@needs_a_compiler
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_bounded_is_refused(name: str, tmp_path: Path) -> None:
    says, body = REFUSED[name]
    with pytest.raises(ToolchainError, match=says):
        worst_case(assemble(tmp_path, body))


C = """
void Reset_Handler(void);
void Fault_Handler(void);
volatile int sink;

__attribute__((noinline)) static void use(int count)
{
    volatile char buffer[5000];
    for (int i = 0; i < count; i++) {
        buffer[i] = (char)i;
    }
    sink = buffer[count - 1];
}

void Reset_Handler(void)
{
    use(sink);
    for (;;) {
        sink = 2;
    }
}

void Fault_Handler(void)
{
    for (;;) {
        sink = 3;
    }
}
"""


@needs_a_compiler
def test_the_path_names_the_deepest_calls(tmp_path: Path) -> None:
    use = worst_case(link(tmp_path, "a.c", C))
    assert use.path[:2] == ("Reset_Handler", "use")
    assert 5000 <= use.bytes <= 5064
