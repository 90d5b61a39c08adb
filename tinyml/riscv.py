"""RV32IMC code as the stack analysis reads it: a decoder of all that moves sp or leaves the sequence, and the walk.

Encodings: The RISC-V Instruction Set Manual, volume I, 20191213, chapters 16 and 24. The stack is 16-byte aligned at
every call (RISC-V ELF psABI).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinyml.stack_walk import STACK_LIMIT, State, Walk

ZERO, RA, SP = 0, 1, 2
_CALLER_SAVED = (RA, *range(5, 8), *range(10, 18), *range(28, 32))
# 32-bit instructions that write rd and neither branch nor matter for what is known of sp
_PLAIN = (0x03, 0x13, 0x2F, 0x33, 0x73)
_STORE, _FENCE = 0x23, 0x0F
_MRET, _EBREAK, _UNIMP = 0x30200073, 0x00100073, 0xC0001073
# immediates as (lowest bit in the instruction, width, lowest bit in the value), the sign bit first
_BRANCH = ((31, 1, 12), (7, 1, 11), (25, 6, 5), (8, 4, 1))
_JAL = ((31, 1, 20), (12, 8, 12), (20, 1, 11), (21, 10, 1))
_C_JUMP = ((12, 1, 11), (8, 1, 10), (9, 2, 8), (6, 1, 7), (7, 1, 6), (2, 1, 5), (11, 1, 4), (3, 3, 1))
_C_BRANCH = ((12, 1, 8), (5, 2, 6), (2, 1, 5), (10, 2, 3), (3, 2, 1))
_C_ADDI16SP = ((12, 1, 9), (3, 2, 7), (5, 1, 6), (2, 1, 5), (6, 1, 4))
_C_ADDI4SPN = ((7, 4, 6), (11, 2, 4), (5, 1, 3), (6, 1, 2))
_C_IMMEDIATE = ((12, 1, 5), (2, 5, 0))
_C_LUI = ((12, 1, 17), (2, 5, 12))


@dataclass(frozen=True)
class Instruction:
    """What the walk needs to know of an instruction.

    kind: "addi", "andi", "add", "sub", "lui", "auipc", "jal", "jalr", "branch", "stop" (nothing follows), "mret",
    "unknown", or "other".   rd: the register written, 0 for none.
    immediate: signed, of lui and auipc already shifted.
    """

    kind: str
    size: int
    rd: int = 0
    rs1: int = 0
    rs2: int = 0
    immediate: int = 0


def decode(word: int) -> Instruction:
    """The instruction that the low 16 or 32 bits of `word` hold."""
    return _decode_32(word) if word & 3 == 3 else _decode_16(word & 0xFFFF)


def _bits(word: int, low: int, width: int) -> int:
    return word >> low & ((1 << width) - 1)


def _immediate(word: int, parts: tuple[tuple[int, int, int], ...], signed: bool = True) -> int:
    value = sum(_bits(word, low, width) << at for low, width, at in parts)
    sign = 1 << parts[0][2]
    return (value ^ sign) - sign if signed else value


def _decode_32(word: int) -> Instruction:
    opcode, rd, function = word & 0x7F, _bits(word, 7, 5), _bits(word, 12, 3)
    rs1, rs2 = _bits(word, 15, 5), _bits(word, 20, 5)
    low_12 = _immediate(word, ((31, 1, 11), (20, 11, 0)))
    if word in (_EBREAK, _UNIMP):
        return Instruction("stop", 4)
    if word == _MRET:
        return Instruction("mret", 4)
    if opcode in (0x37, 0x17):
        return Instruction("lui" if opcode == 0x37 else "auipc", 4, rd, immediate=word & 0xFFFFF000)
    if opcode == 0x6F:
        return Instruction("jal", 4, rd, immediate=_immediate(word, _JAL))
    if opcode == 0x67 and function == 0:
        return Instruction("jalr", 4, rd, rs1, immediate=low_12)
    if opcode == 0x63:
        return Instruction("branch", 4, immediate=_immediate(word, _BRANCH))
    if opcode == 0x13 and function in (0, 7):
        return Instruction("addi" if function == 0 else "andi", 4, rd, rs1, immediate=low_12)
    if opcode == 0x33 and word >> 25 in (0, 0x20) and function == 0:
        return Instruction("sub" if word >> 25 else "add", 4, rd, rs1, rs2)
    if opcode in _PLAIN:
        return Instruction("other", 4, rd)
    return Instruction("other" if opcode in (_STORE, _FENCE) else "unknown", 4)


def _decode_16(word: int) -> Instruction:
    if word == 0:
        return Instruction("stop", 2)
    decoders = (_decode_quadrant_0, _decode_quadrant_1, _decode_quadrant_2)
    return decoders[word & 3](word, word >> 13)


def _decode_quadrant_0(word: int, function: int) -> Instruction:
    rd = _bits(word, 2, 3) + 8
    if function == 0:  # c.addi4spn
        return Instruction("addi", 2, rd, SP, immediate=_immediate(word, _C_ADDI4SPN, signed=False))
    kinds = {2: Instruction("other", 2, rd), 6: Instruction("other", 2)}  # c.lw, c.sw
    return kinds.get(function, Instruction("unknown", 2))


def _decode_quadrant_1(word: int, function: int) -> Instruction:
    rd, narrow = _bits(word, 7, 5), _bits(word, 7, 3) + 8
    immediate = _immediate(word, _C_IMMEDIATE)
    if function in (0, 2):  # c.addi, c.li
        return Instruction("addi", 2, rd, rd if function == 0 else ZERO, immediate=immediate)
    if function in (1, 5):  # c.jal, c.j
        return Instruction("jal", 2, RA if function == 1 else ZERO, immediate=_immediate(word, _C_JUMP))
    if function == 3 and rd == SP:
        return Instruction("addi", 2, SP, SP, immediate=_immediate(word, _C_ADDI16SP))
    if function == 3:
        return Instruction("lui", 2, rd, immediate=_immediate(word, _C_LUI) & 0xFFFFFFFF)
    if function == 4:  # shifts, c.andi, and arithmetic on x8 to x15: never sp
        return Instruction("other", 2, narrow)
    return Instruction("branch", 2, immediate=_immediate(word, _C_BRANCH))


def _decode_quadrant_2(word: int, function: int) -> Instruction:
    rd, rs2 = _bits(word, 7, 5), _bits(word, 2, 5)
    if function in (0, 2):  # c.slli, c.lwsp
        return Instruction("other", 2, rd)
    if function == 6:  # c.swsp
        return Instruction("other", 2)
    if function != 4:
        return Instruction("unknown", 2)
    adds = bool(word & 0x1000)
    if rs2:  # c.add, c.mv
        return Instruction("add", 2, rd, rd if adds else ZERO, rs2)
    if rd == 0:  # c.ebreak
        return Instruction("stop", 2)
    return Instruction("jalr", 2, RA if adds else ZERO, rd)


class RiscvWalk(Walk):
    def _disassemble(self) -> Iterator[tuple[int, Instruction]]:
        for address, stop in self._code.code_ranges(self._entry, self._end):
            while address + 2 <= stop:
                instruction = decode(int.from_bytes(self._code.bytes(address, min(address + 4, stop)), "little"))
                yield address, instruction
                address += instruction.size

    def _step(self, address: int, state: State) -> list[tuple[int, State]]:
        i: Instruction = self._instructions[address]
        following = (address + i.size, state)
        if i.kind == "unknown":
            raise self._fault(address, "an instruction outside RV32IMC")
        if i.kind == "stop":
            return []
        if i.kind == "mret":
            self._returns = True
            return []
        if i.kind == "branch":
            return [following, (address + i.immediate & 0xFFFFFFFF, state.copy())]
        if i.kind in ("jal", "jalr"):
            return self._jump(i, address, state, following)
        self._move(i, address, state)
        if state.depth > STACK_LIMIT:
            raise self._fault(address, "the stack grows in a loop")
        self._reach(state.depth)
        return [following]

    def _jump(
        self, i: Instruction, address: int, state: State, following: tuple[int, State]
    ) -> list[tuple[int, State]]:
        base = address if i.kind == "jal" else self._value(i.rs1, state)
        if base is None:
            if i.rd == ZERO and i.rs1 == RA and i.immediate == 0:
                self._returns = True
                return []
            raise self._fault(address, f"a jump through a pointer in x{i.rs1}; compile with -fno-jump-tables")
        target = base + i.immediate & 0xFFFFFFFE
        if i.rd == ZERO:
            return [(target, state)]
        returns = self._call(target, state)
        state.forget(_CALLER_SAVED)
        return [following] if returns else []

    def _value(self, register: int, state: State) -> int | None:
        return 0 if register == ZERO else state.constants.get(register)

    def _depth_at(self, register: int, state: State) -> int | None:
        return state.depth if register == SP else state.addresses.get(register)

    def _move(self, i: Instruction, address: int, state: State) -> None:
        """Updates depth, constants and stack addresses for an instruction that goes on to the next."""
        value, depth = self._result(i, address, state)
        if i.rd != SP:
            state.forget((i.rd,))
            if i.rd != ZERO and value is not None:
                state.constants[i.rd] = value & 0xFFFFFFFF
            elif i.rd != ZERO and depth is not None:
                state.addresses[i.rd] = depth
        elif depth is not None:
            state.depth = depth
        elif value is not None and value & 0xFFFFFFFF == self._code.stack_top:
            self._restart(state)
        else:
            raise self._fault(address, f"sp is computed at run time: {i.kind}")

    def _result(self, i: Instruction, address: int, state: State) -> tuple[int | None, int | None]:
        """What rd then holds, when that is known: a constant, or an address in the stack as its depth."""
        if i.kind in ("lui", "auipc"):
            return i.immediate + (address if i.kind == "auipc" else 0), None
        if i.kind not in ("addi", "add", "sub", "andi"):
            return None, None
        left, right = i.rs1, i.rs2
        if i.kind == "add" and self._depth_at(left, state) is None:
            left, right = right, left
        amount = self._value(right, state) if i.kind in ("add", "sub") else i.immediate
        if amount is None:
            return None, None
        amount = (amount & 0xFFFFFFFF ^ 0x80000000) - 0x80000000  # 32 bits as signed
        value, depth = self._value(left, state), self._depth_at(left, state)
        if i.kind == "andi":  # a frame aligned to more than the 16 bytes of every call
            rounds = amount < 0 and -amount & (-amount - 1) == 0
            return None, depth + max(-amount - 16, 0) if depth is not None and rounds else None
        change = -amount if i.kind == "sub" else amount
        return (None if value is None else value + change), (None if depth is None else depth - change)
