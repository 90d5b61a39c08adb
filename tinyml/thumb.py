"""Thumb code as the stack analysis reads it: functions, instructions, and what they do to the stack pointer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import capstone
from capstone import arm

from tinyml.errors import ToolchainError
from tinyml.stack_walk import Code, State

SP, LR, PC = arm.ARM_REG_SP, arm.ARM_REG_LR, arm.ARM_REG_PC


def disassemble(code: Code, start: int, end: int) -> Iterator[tuple[int, tuple[Any, int]]]:
    """(address, (instruction or None where it is unknown, size)) of everything from start to end that is not data."""
    disassembler = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
    disassembler.detail = True
    for begin, stop in code.code_ranges(start, end):
        address = begin
        while address + 2 <= stop:
            for instruction in disassembler.disasm(code.bytes(address, stop), address):
                # a coprocessor's loads and stores are Helium's, whose registers capstone does not tell
                known = instruction if not instruction.insn_name().startswith(("ldc", "stc")) else None
                size = instruction.size if known else _step_over(code, instruction.address)
                yield instruction.address, (known, size)
                address = instruction.address + size
            if address + 2 <= stop:
                size = _step_over(code, address)
                yield address, (None, size)
                address += size


def _step_over(code: Code, address: int) -> int:
    """Size of an instruction the disassembler does not know, after making sure that it leaves sp alone."""
    first, second = (int.from_bytes(code.bytes(address + at, address + at + 2), "little") for at in (0, 2))
    if first < 0xE800:
        raise ToolchainError(f"stack analysis: 0x{address:08x}: unknown instruction {first:04x}")
    stores_by_base = first & 0xFE2F == 0xEC2D and second & 0x1E00 == 0x1E00
    if stores_by_base:
        raise ToolchainError(f"stack analysis: 0x{address:08x}: a Helium access moves sp: {first:04x} {second:04x}")
    return 4


def is_conditional(i: Any) -> bool:
    return i.cc not in (arm.ARM_CC_AL, arm.ARM_CC_INVALID)


def written(i: Any) -> list[int]:
    return [int(register) for register in i.regs_access()[1]]


def read(i: Any) -> list[int]:
    return [int(register) for register in i.regs_access()[0]]


def reads_stack(i: Any) -> bool:
    return i.id == arm.ARM_INS_POP or writeback_bytes(i) is not None


def _register_bytes(i: Any, register: int) -> int:
    name = i.reg_name(register)
    return {"d": 8, "q": 16}.get(name[0], 4) if name[1:].isdigit() else 4


def writeback_bytes(i: Any) -> int | None:
    """By how much push, pop and accesses that write sp back raise it (below 0: the stack grows); None for any other."""
    name = i.insn_name()
    listed = [o.reg for o in i.operands if o.type == arm.ARM_OP_REG]
    if i.id in (arm.ARM_INS_PUSH, arm.ARM_INS_VPUSH):
        return -sum(_register_bytes(i, register) for register in listed)
    if i.id in (arm.ARM_INS_POP, arm.ARM_INS_VPOP):
        return sum(_register_bytes(i, register) for register in listed)
    if name.startswith(("stm", "vstm", "ldm", "vldm")) and i.writeback and listed[0] == SP:
        total = sum(_register_bytes(i, register) for register in listed[1:])
        return -total if name.startswith(("stm", "vstm")) else total
    if name.startswith(("str", "ldr")) and i.writeback:
        memory = next((o for o in i.operands if o.type == arm.ARM_OP_MEM), None)
        if memory is not None and memory.mem.base == SP:
            last = i.operands[-1]
            return int(last.imm if last.type == arm.ARM_OP_IMM else memory.mem.disp)
    return None


def constant(i: Any, state: State, code: Code) -> int | None:
    """The value an instruction puts into its first operand, when that is known."""
    name = i.insn_name()
    source = i.operands[-1] if i.operands else None
    if source is None:
        return None
    if name == "ldr" and source.type == arm.ARM_OP_MEM and source.mem.base == PC:
        return code.word(((i.address + 4) & ~3) + source.mem.disp)
    if name in ("mov", "movw") and source.type == arm.ARM_OP_IMM:
        return int(source.imm)
    if name == "mov" and source.type == arm.ARM_OP_REG and source.shift.type == 0:
        return state.constants.get(source.reg)
    if name == "movt" and i.operands[0].reg in state.constants:
        return state.constants[i.operands[0].reg] & 0xFFFF | int(source.imm) << 16
    if name == "mvn" and source.type == arm.ARM_OP_IMM:
        return ~int(source.imm)
    if name == "lsl" and source.type == arm.ARM_OP_IMM and i.operands[1].reg in state.constants:
        return state.constants[i.operands[1].reg] << int(source.imm)
    if name == "rsb" and source.type == arm.ARM_OP_IMM and source.imm == 0 and i.operands[1].reg in state.constants:
        return -state.constants[i.operands[1].reg]
    return None


def stack_address(i: Any, state: State) -> int | None:
    """The depth that the first operand points at afterwards, when it points into this stack."""
    name = i.insn_name()
    if len(i.operands) < 2 or i.operands[0].type != arm.ARM_OP_REG:
        return None
    base = i.operands[1].reg if i.operands[1].type == arm.ARM_OP_REG else i.operands[0].reg
    depth = state.depth if base == SP else state.addresses.get(base)
    last = i.operands[-1]
    if depth is None:
        return None
    if name == "mov" and len(i.operands) == 2 and last.type == arm.ARM_OP_REG:
        return depth
    if name in ("add", "sub") and last.type == arm.ARM_OP_IMM:
        return depth + int(last.imm if name == "sub" else -last.imm)
    if name == "bfc" and i.operands[1].imm == 0:
        return depth + (1 << int(i.operands[2].imm)) - 8  # sp is a multiple of 8 at every call
    return None
