"""The walk through a function that finds its worst-case stack: what is the same for every instruction set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tinyml.errors import ToolchainError

STACK_LIMIT = 1 << 20


@dataclass(frozen=True)
class StackUse:
    """Worst case of a function: bytes below its entry, the calls that lead there, whether it returns, whether it starts
    by resetting the stack pointer to the stack's top."""

    bytes: int
    path: tuple[str, ...]
    returns: bool = True
    restarts: bool = False


@dataclass(frozen=True)
class Code:
    """The executable bytes by address, function starts, data between functions, and where the CPU enters: the reset
    handler first, then the other handlers."""

    sections: tuple[tuple[int, bytes], ...]
    names: Mapping[int, str]
    starts: tuple[int, ...]
    data: tuple[tuple[int, int], ...]
    handlers: tuple[int, ...]
    stack_top: int

    def word(self, address: int) -> int | None:
        for start, content in self.sections:
            if start <= address <= start + len(content) - 4:
                return int.from_bytes(content[address - start : address - start + 4], "little")
        return None

    def region(self, address: int) -> tuple[int, int]:
        """Start and end of the function that holds an address."""
        start = max((known for known in self.starts if known <= address), default=address)
        section = next((s for s in self.sections if s[0] <= address < s[0] + len(s[1])), None)
        if section is None:
            raise ToolchainError(f"stack analysis: a call to 0x{address:08x} leaves the code")
        end = section[0] + len(section[1])
        return start, min((known for known in self.starts if known > address), default=end)

    def bytes(self, start: int, end: int) -> bytes:
        base, content = next(s for s in self.sections if s[0] <= start < s[0] + len(s[1]))
        return content[start - base : end - base]

    def code_ranges(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What lies from start to end without the data in it."""
        for data_start, data_end in self.data:
            if data_start < end and data_end > start:
                if data_start > start:
                    yield start, data_start
                start = data_end
        if start < end:
            yield start, end

    def name(self, address: int) -> str:
        return self.names.get(address) or f"0x{address:08x}"


@dataclass
class State:
    """What is known before an instruction: depth of sp below the entry, constants and stack addresses in registers.

    link_lost: lr may hold what a far jump left there, an address in the same function.
    """

    depth: int
    constants: dict[int, int] = field(default_factory=dict)
    addresses: dict[int, int] = field(default_factory=dict)  # register -> depth it points at
    link_lost: bool = False

    def copy(self) -> State:
        return State(self.depth, dict(self.constants), dict(self.addresses), self.link_lost)

    def forget(self, registers: Any) -> None:
        for register in registers:
            self.constants.pop(register, None)
            self.addresses.pop(register, None)

    def join(self, other: State) -> bool:
        """Widens to hold `other` too; whether that changed anything."""
        before = (self.depth, len(self.constants), len(self.addresses), self.link_lost)
        self.depth = max(self.depth, other.depth)
        self.constants = dict(self.constants.items() & other.constants.items())
        self.addresses = dict(self.addresses.items() & other.addresses.items())
        self.link_lost = self.link_lost or other.link_lost
        return before != (self.depth, len(self.constants), len(self.addresses), self.link_lost)


class Walk(ABC):
    """One function, walked along all its branches. worst: what a callee uses, by its address."""

    def __init__(self, code: Code, entry: int, worst: Callable[[int], StackUse]) -> None:
        self._code = code
        self._entry = entry
        self._worst = worst
        self._start, self._end = code.region(entry)
        self._instructions = dict(self._disassemble())
        self._before: dict[int, State] = {}
        self._deepest = StackUse(0, ())
        self._returns = False
        self._restarts = False

    @abstractmethod
    def _disassemble(self) -> Iterator[tuple[int, Any]]:
        """(address, instruction) from the entry to the function's end."""

    @abstractmethod
    def _step(self, address: int, state: State) -> list[tuple[int, State]]:
        """The instructions that may come next, with what is then known."""

    def use(self) -> StackUse:
        work = [(self._entry, State(0))]
        while work:
            address, state = work.pop()
            known = self._before.get(address)
            if known is None:
                self._before[address] = state.copy()
            elif not known.join(state):
                continue
            if address not in self._instructions:
                self._enter_elsewhere(address, state)
                continue
            work += self._step(address, self._before[address].copy())
        name = self._code.name(self._entry)
        return StackUse(self._deepest.bytes, (name, *self._deepest.path), self._returns, self._restarts)

    def _fault(self, address: int, text: str) -> ToolchainError:
        return ToolchainError(f"stack analysis: {self._code.name(self._start)} at 0x{address:08x}: {text}")

    def _reach(self, depth: int, path: tuple[str, ...] = ()) -> None:
        if depth > self._deepest.bytes:
            self._deepest = StackUse(depth, path)

    def _restart(self, state: State) -> None:
        """sp is at the stack's top again: what lies above counts no more."""
        state.depth = 0
        self._restarts = True
        self._deepest = StackUse(0, ())

    def _call(self, target: int, state: State) -> bool:
        use = self._worst(target)
        self._reach(state.depth + use.bytes, use.path)
        return use.returns

    def _enter_elsewhere(self, address: int, state: State) -> None:
        """A jump or fall out of this function: what it uses comes on top, and its return is ours."""
        if self._start <= address < self._end and address >= self._entry:
            raise self._fault(address, "the code runs into data")
        self._returns |= self._call(address, state)
