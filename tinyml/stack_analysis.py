"""Worst-case stack of a linked firmware, read off its machine code.

Every function reachable from the reset handler is disassembled and walked along all its branches with an abstract
stack pointer: the depth below the function's entry. The worst case of a function is the greatest of its own depth and
of the depth at a call + the callee's worst case. What cannot be bounded (recursion, a call through a pointer, a stack
pointer computed at run time) is an error, not a guess.

What follows is Cortex-M; RISC-V, of which less is to be said, lies in riscv.py.

A `bl` into the middle of its own function is a jump: on ARMv6-M, where `b` reaches 2 KB, compilers use it so in long
functions, which keep lr on the stack. Code that then reads lr would be a subroutine without a symbol: an error.

`add pc, <register>` enters an unrolled loop: it lands on one of the instructions behind it, up to the next that
branches.

Exceptions: a handler that starts again at the stack's top (the fault handler) counts on its own; any other handler in
the vector table adds its frame and its own worst case.

The disassembler (capstone 5) knows neither Helium nor the low-overhead loops of ARMv8.1-M. Neither moves the stack
pointer (save Helium stores that write their base back, which are refused when the base is sp), and a low-overhead loop
only branches to code that is reached in sequence too: such instructions are stepped over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from capstone import CS_GRP_JUMP, arm
from elftools.elf.elffile import ELFFile

from tinyml.errors import ToolchainError
from tinyml.riscv import RiscvWalk
from tinyml.stack_walk import STACK_LIMIT, Code, StackUse, State, Walk
from tinyml.thumb import (
    LR,
    PC,
    SP,
    constant,
    disassemble,
    is_conditional,
    read,
    reads_stack,
    stack_address,
    writeback_bytes,
    written,
)

# Pushed by the CPU on an exception, FPCCR = 0: eight words, and one more to align the stack.
EXCEPTION_FRAME_BYTES = 36


def worst_case(elf: Path) -> StackUse:
    """Worst-case stack of the firmware in bytes, with the path of calls that takes it.

    Raises ToolchainError when it cannot be bounded, naming the function at fault.
    """
    code, walk_type, frame_bytes = _read_code(elf)
    walk = _CallGraph(code, walk_type)
    reset, *others = dict.fromkeys(code.handlers)
    worst = walk.worst(reset)
    restarted = [worst]
    for handler in others:
        use = walk.worst(handler)
        if use.restarts:
            restarted.append(use)
        else:
            worst = StackUse(worst.bytes + frame_bytes + use.bytes, (*worst.path, "exception", *use.path))
    return max(worst, *restarted, key=lambda use: use.bytes)


def _read_code(elf: Path) -> tuple[Code, type[Walk], int]:
    """The code, how it is walked, and what the CPU pushes when it enters a handler."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        sections = tuple(
            (int(section["sh_addr"]), bytes(section.data()))
            for section in image.iter_sections()
            if section["sh_type"] == "SHT_PROGBITS" and section["sh_flags"] & 2 and section["sh_size"]
        )
        names: dict[int, str] = {}
        marks: dict[int, bool] = {}
        values: dict[str, int] = {}
        for symbol in image.get_section_by_name(".symtab").iter_symbols():
            value = int(symbol["st_value"])
            if symbol.name.startswith(("$t", "$x", "$d")):
                marks[value] = symbol.name.startswith("$d")
            elif symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
                names.setdefault(value & ~1, symbol.name)
            values[symbol.name] = value
        machine = image["e_machine"]
    code = Code(sections, names, tuple(sorted(names)), tuple(_data_ranges(marks)), (), values["tml_stack_top"])
    if machine == "EM_RISCV":
        return replace(code, handlers=(values["Reset_Handler"], values["Fault_Handler"])), RiscvWalk, 0
    table = (code.word(values["tml_vectors"] + 4 * index) or 0 for index in range(1, 16))
    return replace(code, handlers=tuple(entry & ~1 for entry in table if entry)), _ThumbWalk, EXCEPTION_FRAME_BYTES


def _data_ranges(marks: Mapping[int, bool]) -> Iterator[tuple[int, int]]:
    ordered = sorted(marks.items())
    for (address, is_data), (following, _) in zip(ordered, [*ordered[1:], (2**32, False)], strict=True):
        if is_data:
            yield address, following


class _CallGraph:
    """Worst cases of functions by entry address, each computed once, callees first."""

    def __init__(self, code: Code, walk: type[Walk]) -> None:
        self._code = code
        self._walk = walk
        self._known: dict[int, StackUse] = {}
        self._active: list[int] = []

    def worst(self, entry: int) -> StackUse:
        if entry in self._known:
            return self._known[entry]
        if entry in self._active:
            cycle = [self._code.name(address) for address in [*self._active[self._active.index(entry) :], entry]]
            raise ToolchainError(f"stack analysis: recursion has no bound: {' -> '.join(cycle)}")
        self._active.append(entry)
        use = self._walk(self._code, entry, self.worst).use()
        self._active.pop()
        self._known[entry] = use
        return use


_CALLER_SAVED = (arm.ARM_REG_R0, arm.ARM_REG_R1, arm.ARM_REG_R2, arm.ARM_REG_R3, arm.ARM_REG_R12, arm.ARM_REG_LR)


class _ThumbWalk(Walk):
    def _disassemble(self) -> Iterator[tuple[int, Any]]:
        return disassemble(self._code, self._entry, self._end)

    def _step(self, address: int, state: State) -> list[tuple[int, State]]:
        """The instructions that may come next, with what is then known."""
        instruction, size = self._instructions[address]
        following = (address + size, state)
        if instruction is None:
            return [following]
        if instruction.mnemonic.startswith(("udf", "bkpt")):
            return []
        if state.link_lost and LR in read(instruction):
            raise self._fault(address, f"lr is read after a far jump: {instruction.mnemonic} {instruction.op_str}")
        successors = self._branch(instruction, state, following)
        if successors is not None:
            return successors
        self._move(instruction, state)
        state.link_lost &= is_conditional(instruction) or LR not in written(instruction)
        if state.depth > STACK_LIMIT:
            raise self._fault(address, "the stack grows in a loop")
        self._reach(state.depth)
        return [following]

    def _branch(self, i: Any, state: State, following: tuple[int, State]) -> list[tuple[int, State]] | None:
        """Successors of an instruction that may leave the sequence; None for any other."""
        conditional = [following] if is_conditional(i) else []
        if i.id in (arm.ARM_INS_CBZ, arm.ARM_INS_CBNZ):
            return [following, (i.operands[1].imm & 0xFFFFFFFF, state.copy())]
        if i.id == arm.ARM_INS_B:
            return [*conditional, (i.operands[0].imm & 0xFFFFFFFF, state.copy())]
        if i.id in (arm.ARM_INS_BL, arm.ARM_INS_BLX):
            target = self._target(i, state)
            if self._is_inside(target & ~1):
                landing = state.copy()
                landing.forget((LR,))
                landing.link_lost = True
                return [*conditional, (target & ~1, landing)]
            returns = self._call(target & ~1, state)
            state.forget(_CALLER_SAVED)
            return [following] if returns or conditional else []
        if i.id == arm.ARM_INS_BX or (i.id == arm.ARM_INS_MOV and i.operands[0].reg == PC):
            source = i.operands[-1].reg
            if source == LR:
                self._returns = True
                return conditional
            return [*conditional, (self._target(i, state) & ~1, state.copy())]
        if i.id in (arm.ARM_INS_TBB, arm.ARM_INS_TBH):
            raise self._fault(i.address, "a jump table; compile with -fno-jump-tables")
        if i.id == arm.ARM_INS_ADD and i.operands[0].reg == PC:
            return [(address, state.copy()) for address in self._sequence(following[0])]
        if PC in written(i):
            if not reads_stack(i):
                raise self._fault(i.address, f"an indirect jump: {i.mnemonic} {i.op_str}")
            self._returns = True
            return conditional
        return None

    def _sequence(self, address: int) -> Iterator[int]:
        """Addresses of instructions that follow each other up to a branch."""
        while address in self._instructions:
            yield address
            instruction, size = self._instructions[address]
            if instruction is not None and instruction.group(CS_GRP_JUMP):
                return
            address += size

    def _is_inside(self, address: int) -> bool:
        return self._entry < address < self._end and address not in self._code.names

    def _target(self, i: Any, state: State) -> int:
        operand = i.operands[-1]
        if operand.type == arm.ARM_OP_IMM:
            return int(operand.imm) & 0xFFFFFFFF
        if operand.reg not in state.constants:
            raise self._fault(i.address, f"a call through a pointer: {i.mnemonic} {i.op_str}")
        return state.constants[operand.reg]

    def _move(self, i: Any, state: State) -> None:
        """Updates depth, constants and stack addresses for an instruction that goes on to the next."""
        if SP in written(i) or writeback_bytes(i) is not None:  # capstone does not list sp for vpush
            before = state.depth
            self._move_sp(i, state)
            if is_conditional(i):  # an early return: what follows has not popped
                state.depth = max(state.depth, before)
            return
        if i.id == arm.ARM_INS_MSR and "sp" in i.op_str.split(",")[0].lower():
            raise self._fault(i.address, f"sp is written: {i.mnemonic} {i.op_str}")
        value = constant(i, state, self._code)
        depth = stack_address(i, state)
        state.forget(written(i))
        if is_conditional(i):
            return
        if value is not None:
            state.constants[i.operands[0].reg] = value & 0xFFFFFFFF
        elif depth is not None:
            state.addresses[i.operands[0].reg] = depth

    def _move_sp(self, i: Any, state: State) -> None:
        moved = writeback_bytes(i)
        if moved is not None:
            state.forget(written(i))
            state.depth -= moved
            return
        name = i.insn_name()
        source = i.operands[-1]
        if name in ("mov", "msr") and source.type == arm.ARM_OP_REG:
            if source.reg in state.addresses:
                state.depth = state.addresses[source.reg]
                return
            if state.constants.get(source.reg) == self._code.stack_top:
                self._restart(state)
                return
        elif name in ("add", "sub") and (len(i.operands) == 2 or i.operands[1].reg == SP):
            amount = source.imm if source.type == arm.ARM_OP_IMM else state.constants.get(source.reg)
            if amount is not None:
                amount = (amount ^ 0x80000000) - 0x80000000  # a register's 32 bits as signed
                state.depth += amount if name == "sub" else -amount
                return
        elif name in ("add", "sub") and i.operands[1].reg in state.addresses:
            state.depth = state.addresses[i.operands[1].reg] + (source.imm if name == "sub" else -source.imm)
            return
        raise self._fault(i.address, f"sp is computed at run time: {i.mnemonic} {i.op_str}")
