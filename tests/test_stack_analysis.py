"""Worst cases of small programs whose stack is known by hand, and of C by both compilers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyml.board import Board, load_board
from tinyml.errors import ToolchainError
from tinyml.stack_analysis import EXCEPTION_FRAME_BYTES, worst_case
from tinyml.toolchain import Toolchain, installed_toolchains

BOARD = load_board("qemu_mps2_an386")
COMPILERS = installed_toolchains(BOARD)
HEAD = """
    .syntax unified
    .thumb
    .section .vectors, "a"
    .global tml_vectors
tml_vectors:
    .word tml_stack_top, start, {handler}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    .text
.macro function name
    .global \\name
    .type \\name, %function
    .thumb_func
\\name:
.endm
"""
SCRIPT = """
SECTIONS { .text 0x1000 : { KEEP(*(.vectors)) *(.text .text.*) *(.rodata .rodata.*) }
           /DISCARD/ : { *(.ARM.exidx*) } }
tml_stack_top = 0x20001000;
ENTRY(start)
"""


def link(tmp_path: Path, compiler: Toolchain, file: str, text: str, board: Board = BOARD) -> Path:
    (tmp_path / file).write_text(text)
    (tmp_path / "link.ld").write_text(SCRIPT)
    compiler.run([*compiler.compile_flags(board), "-c", file, "-o", "a.o"], tmp_path)
    compiler.run([*compiler.link_flags(board, "link.ld"), "a.o", "-o", "a.elf"], tmp_path)
    return tmp_path / "a.elf"


def assemble(tmp_path: Path, body: str, handler: str = "0") -> Path:
    return link(tmp_path, COMPILERS[0], "a.S", HEAD.format(handler=handler) + body)


LEAF = "function leaf\n push {r4, r5}\n pop {r4, r5}\n bx lr\n"

KNOWN = {
    "push, sub and vpush add up": (
        48,
        "push {r4, lr}\n vpush {d8-d9}\n sub sp, #24\n add sp, #24\n vpop {d8-d9}\n b .",
    ),
    "a call adds the callee": (16, "push {r3, lr}\n bl leaf\n b .\n" + LEAF),
    "a tail call adds it after the pops": (8, "push {r3, lr}\n pop {r3, lr}\n b leaf\n" + LEAF),
    "the deeper of two paths": (20, "cbz r0, 1f\n push {r0, r1, r2, r3, r4}\n 1: b ."),
    "an early return leaves the rest deeper": (
        24,
        "bl f\n b .\nfunction f\n push {r4, lr}\n cmp r0, #0\n it eq\n popeq {r4, pc}\n push {r0-r3}\n"
        " add sp, #16\n pop {r4, pc}\n",
    ),
    "single stores that write back": (12, "str lr, [sp, #-4]!\n strd r4, r5, [sp, #-8]!\n ldrd r4, r5, [sp], #8\n b ."),
    "a frame size from the literal pool": (520, "ldr r4, =-520\n add sp, r4\n b .\n .ltorg"),
    "sp restored from the frame pointer": (
        16,
        "bl f\n b .\nfunction f\n push {r7, lr}\n add r7, sp, #0\n sub sp, #8\n mov sp, r7\n pop {r7, pc}\n",
    ),
    "an aligned frame takes what alignment may": (
        8 + 24,
        "push {r4, lr}\n sub sp, #16\n mov r4, sp\n bfc r4, #0, #4\n mov sp, r4\n b .",
    ),
    "a call through a constant": (8, "ldr r3, =leaf\n blx r3\n b .\n .ltorg\n" + LEAF),
    "code after a call that never returns": (8, "bl halt\n push {r0-r7}\nfunction halt\n push {r0, r1}\n b ."),
    "falling into the next function": (16, "push {r0, r1}\nfunction next\n push {r0, r1}\n b ."),
    "a loop that is balanced": (8, "1: push {r0, r1}\n pop {r0, r1}\n cmp r0, #0\n bne 1b\n b ."),
    "a bl inside its own function is a jump": (
        24,
        "bl f\n b .\nfunction f\n push {r4, lr}\n cbz r0, 1f\n bl 2f\n 1: push {r0, r1}\n add sp, #8\n"
        " 2: push {r0-r3}\n add sp, #16\n pop {r4, pc}\n",
    ),
    "a far jump back, lr reloaded": (
        4,
        "bl f\n b .\nfunction f\n push {lr}\n 1: subs r0, #1\n beq 2f\n bl 1b\n 2: ldr lr, [sp], #4\n bx lr\n",
    ),
    "a computed jump lands anywhere up to the next branch": (
        20,
        "push {r0}\n add pc, r0\n nop\n add sp, #4\n push {r1-r4}\n b .",
    ),
    "a widening load of Helium has a low register, whatever it looks like": (
        8,
        "push {r5, lr}\n .inst.w 0xecbdcf04\n .inst.w 0xecadcf04\n b .",
    ),
    "Helium and low-overhead loops are stepped over": (
        8,
        "push {r3, lr}\n .inst.w 0xf040e001\n .inst.w 0xed901e00\n .inst.w 0xf00fc003\n b .",
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_by_hand(name: str, tmp_path: Path) -> None:
    expected, body = KNOWN[name]
    assert worst_case(assemble(tmp_path, f"function start\n {body}\n")).bytes == expected


REFUSED = {
    "recursion": ("start -> f -> g -> f|f -> g -> f", "bl f\nfunction f\n push {lr}\n bl g\nfunction g\n bl f\n"),
    "recursion to the entry": ("f -> f", "bl f\nfunction f\n push {lr}\n bl f\n"),
    "a subroutine without a symbol": ("lr is read after a far jump: bx lr", "bl 1f\n b .\n 1: push {r0}\n bx lr\n"),
    "one that keeps lr": ("lr is read after a far jump: push", "bl 1f\n b .\n 1: push {r0, lr}\n pop {r0, pc}\n"),
    "one that two calls share": ("lr is read", "cbz r0, 2f\n bl 1f\n b .\n 2: bl 1f\n b .\n 1: bx lr\n"),
    "one that may reload lr": (
        "lr is read",
        "bl 1f\n b .\n 1: cmp r0, #0\n it eq\n moveq lr, r1\n bx lr\n",
    ),
    "through a pointer": ("call through a pointer", "blx r3\n"),
    "jump table": ("jump table", "tbb [pc, r0]\n"),
    "indirect jump": ("indirect jump", "ldr pc, [r0]\n"),
    "sp at run time": ("computed at run time", "sub sp, sp, r0\n"),
    "sp by msr": ("sp is written", "msr msp, r0\n"),
    "growing": ("grows in a loop", "1: push {r0, r1}\n b 1b\n"),
    "into data": ("runs into data|unknown", "nop\n .align 2\n .word 0\n"),
    "Helium moves sp": ("Helium|run time", ".inst.w 0xed2d1f00\n b .\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_bounded_is_refused(name: str, tmp_path: Path) -> None:
    says, body = REFUSED[name]
    with pytest.raises(ToolchainError, match=says):
        worst_case(assemble(tmp_path, f"function start\n {body}\n"))


def test_an_interrupt_adds_its_frame(tmp_path: Path) -> None:
    body = "function start\n push {r0, r1}\n b .\nfunction tick\n push {r0, r1}\n pop {r0, r1}\n bx lr\n"
    use = worst_case(assemble(tmp_path, body, handler="tick"))
    assert use.bytes == 8 + EXCEPTION_FRAME_BYTES + 8
    assert use.path == ("start", "exception", "tick")


def test_a_handler_that_starts_at_the_top_counts_alone(tmp_path: Path) -> None:
    body = (
        "function start\n push {r0, r1}\n b .\n"
        "function fault\n ldr r1, =tml_stack_top\n mov sp, r1\n push {r0-r3}\n b .\n .ltorg\n"
    )
    use = worst_case(assemble(tmp_path, body, handler="fault"))
    assert (use.bytes, use.path) == (16, ("fault",))


C = """
extern void (*const tml_vectors[16])(void);
void start(void);
volatile int sink;

__attribute__((noinline)) static void use(int count)
{
    volatile char buffer[200];
    for (int i = 0; i < count; i++) {
        buffer[i] = (char)i;
    }
    sink = buffer[count - 1];
}

__attribute__((noinline)) static void shallow(void)
{
    sink = 1;
}

void start(void)
{
    shallow();
    use(sink);
    for (;;) {
        sink = 2;
    }
}

__attribute__((section(".vectors"), used)) void (*const tml_vectors[16])(void) = {0, start};
"""


LONG = (
    """
extern void (*const tml_vectors[16])(void);
void start(void);
volatile int sink;

__attribute__((noinline)) static int leaf(int x)
{
    volatile int buffer[8];
    buffer[x & 7] = x;
    return buffer[x & 7];
}

__attribute__((noinline)) static int far(int x)
{
    for (int i = 0; i < x; i++) {
        if (leaf(i) == 3) {
            return 1;
        }
"""
    + "        sink += leaf(sink);\n" * 600
    + """
    }
    return sink;
}

void start(void)
{
    for (;;) {
        sink = far(sink);
    }
}

__attribute__((section(".vectors"), used)) void (*const tml_vectors[16])(void) = {0, start};
"""
)


@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda compiler: compiler.name)
@pytest.mark.parametrize("board", ["qemu_microbit", "rpi_pico"])
def test_a_function_beyond_the_reach_of_a_branch(board: str, compiler: Toolchain, tmp_path: Path) -> None:
    """On ARMv6-M `b` reaches 2 KB; the loop around 600 calls is longer, so compilers jump with `bl`."""
    elf = link(tmp_path, compiler, "a.c", LONG, load_board(board))
    use = worst_case(elf)
    assert use.path == ("start", "far", "leaf")
    assert 8 + 8 + 32 <= use.bytes <= 96


@pytest.mark.parametrize("compiler", COMPILERS, ids=lambda compiler: compiler.name)
def test_the_path_names_the_deepest_calls(compiler: Toolchain, tmp_path: Path) -> None:
    use = worst_case(link(tmp_path, compiler, "a.c", C))
    assert use.path == ("start", "use")
    assert 200 <= use.bytes <= 232
