"""Boards: the facts in boards/*.toml, read, checked and frozen.

A board is data. Its `clock`, `uart`, `counter`, `boot` and `reset` tables each name a driver, the file
`firmware_templates/<template>/<table>_<driver>.c` (or in `bare_metal/`, what templates share), and give the numbers
that driver reads: the key `base` of `[uart]` reaches C as the macro UART_BASE. A new core is one row of CORES; a new
board of a known family is one TOML.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from tinyml.errors import BoardError
from tinyml.paths import BOARDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Core:
    """How each compiler is told about a CPU core, and what the core has.

    features: "dsp" (SIMD on 8 and 16 bits), "fpu", "mve" (Helium), "cache" (I and D, switched on at start-up),
    "fault_status" (the CFSR register: all but ARMv6-M).
    toolchains: the compilers that can build for it, the one with the better code first.
    """

    gcc: tuple[str, ...]
    zig: tuple[str, ...]
    features: frozenset[str]
    toolchains: tuple[str, ...]


_GCC_FIRST, _ZIG_FIRST = ("arm-none-eabi-gcc", "zig"), ("zig", "arm-none-eabi-gcc")


def _core(gcc: str, zig: str, features: str = "", toolchains: tuple[str, ...] = _GCC_FIRST) -> Core:
    return Core(("-mthumb", *gcc.split()), ("-target", *zig.split()), frozenset(features.split()), toolchains)


_SOFT, _HARD = "thumb-freestanding-eabi", "thumb-freestanding-eabihf"
CORES: Mapping[str, Core] = {
    "host": Core((), (), frozenset(), ("gcc", "clang", "zig")),
    "cortex-m0": _core("-mcpu=cortex-m0 -mfloat-abi=soft", f"{_SOFT} -mcpu=cortex_m0"),
    "cortex-m0plus": _core("-mcpu=cortex-m0plus -mfloat-abi=soft", f"{_SOFT} -mcpu=cortex_m0plus"),
    "cortex-m3": _core("-mcpu=cortex-m3 -mfloat-abi=soft", f"{_SOFT} -mcpu=cortex_m3", "fault_status"),
    "cortex-m4": _core(
        "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16", f"{_HARD} -mcpu=cortex_m4", "dsp fpu fault_status"
    ),
    "cortex-m7": _core(
        "-mcpu=cortex-m7 -mfloat-abi=hard -mfpu=fpv5-sp-d16",
        f"{_HARD} -mcpu=cortex_m7-fp64",
        "dsp fpu cache fault_status",
    ),
    "cortex-m33": _core(
        "-mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16", f"{_HARD} -mcpu=cortex_m33", "dsp fpu fault_status"
    ),
    # gcc 12 leaves Helium nearly unused: clang's inferences take 1.2 to 4.5 times fewer instructions.
    "cortex-m55": _core(
        "-mcpu=cortex-m55 -mfloat-abi=hard", f"{_HARD} -mcpu=cortex_m55+mve", "dsp fpu mve fault_status", _ZIG_FIRST
    ),
    "rv32imc": Core(
        (), ("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c+zicsr"), frozenset(), ("zig",)
    ),
}


@dataclass(frozen=True)
class Memory:
    """A region of the address space. kind: "flash", "sram", or "vectors" where the CPU wants its vectors elsewhere."""

    name: str
    kind: str
    address: int
    size_bytes: int


@dataclass(frozen=True)
class Cpu:
    core: str
    features: frozenset[str]
    clock_hz: int


@dataclass(frozen=True)
class Driver:
    """A driver's name and the numbers it is compiled with."""

    name: str
    fields: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Counter:
    """The free-running 32-bit counter behind port_ticks().

    driver: "dwt", "clock", "cmsdk_timer", ...   unit: what `count` returns: "instructions", "cycles" or "nanoseconds".
    """

    driver: Driver
    unit: str
    tick_hz: int
    icount_shift: int | None = None

    def count(self, ticks: int) -> int:
        """Ticks converted to `unit`.

        Under QEMU's -icount an instruction takes 2**icount_shift ns. Readings round down to a tick, so a difference is
        off by less than one tick. Every emulated board's tick is less than half an instruction or divides it (a test
        holds them to it), which makes the nearest whole instruction the true count.
        """
        if self.unit != "instructions" or self.icount_shift is None:
            return ticks
        denominator = self.tick_hz << self.icount_shift
        return (2 * ticks * 1_000_000_000 + denominator) // (2 * denominator)


@dataclass(frozen=True)
class Board:
    """Everything the SDK knows of a board.

    emulator: the emulator's command up to, but without, `-serial WHERE -kernel ELF`; None for silicon and the host.
    images: files made from the ELF for flashing: "bin", "hex", "uf2".   usb_ids: "vid:pid" of its serial port.
    """

    name: str
    title: str
    cpu: Cpu
    memories: tuple[Memory, ...]
    template: str
    counter: Counter
    drivers: Mapping[str, Driver]
    emulator: tuple[str, ...] | None = None
    flasher: str | None = None
    flash_options: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    usb_ids: tuple[str, ...] = ()
    notes: str = ""

    def memory(self, kind: str) -> Memory:
        """The first region of a kind: the one the firmware uses."""
        return next(memory for memory in self.memories if memory.kind == kind)

    def granting(self, sram_bytes: int | None) -> Board:
        """The board with no more SRAM than that for a firmware; itself for None."""
        if sram_bytes is None or sram_bytes >= self.sram_bytes:
            return self
        used = self.memory("sram")
        memories = (replace(m, size_bytes=sram_bytes) if m is used else m for m in self.memories)
        return replace(self, memories=tuple(memories))

    @property
    def core(self) -> Core:
        return CORES[self.cpu.core]

    @property
    def sram_bytes(self) -> int:
        return self.memory("sram").size_bytes

    @property
    def flash_bytes(self) -> int:
        return self.memory("flash").size_bytes


def board_names() -> list[str]:
    """Names of all boards, sorted."""
    return sorted(path.stem for path in BOARDS.glob("*.toml"))


@cache
def load_board(name: str) -> Board:
    """The board called `name`.

    Raises BoardError for an unknown name, with the nearest known ones, and for a fault in its TOML.
    """
    if name not in board_names():
        nearest = difflib.get_close_matches(name, board_names(), cutoff=0.4)
        raise BoardError(f"no board is called {name!r}", hint=" or ".join(nearest or board_names()))
    return read_board(BOARDS / f"{name}.toml")


def read_board(path: Path) -> Board:
    """The board described by one TOML file. Raises BoardError that names the file and the key at fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BoardError(f"{path}: {error.strerror}") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"{path}: not valid TOML: {error}") from error
    return _board(path.stem, _Table(table, str(path), ""))


class _Table:
    """A TOML table whose keys are taken one by one; what is left at the end is unknown."""

    def __init__(self, values: Mapping[str, Any], file: str, path: str) -> None:
        self._left = dict(values)
        self._known: list[str] = []
        self._file = file
        self._path = path

    def fault(self, text: str) -> BoardError:
        return BoardError(f"{self._file}: [{self._path}]: {text}" if self._path else f"{self._file}: {text}")

    def take(self, key: str, kind: type, default: Any = ...) -> Any:
        self._known.append(key)
        if key not in self._left:
            if default is ...:
                raise self.fault(f"{key!r} is missing")
            return default
        value = self._left.pop(key)
        if not isinstance(value, kind) or (isinstance(value, int) and (isinstance(value, bool) or value < 0)):
            raise self.fault(f"{key!r} is {value!r}, not {'a number of 0 or more' if kind is int else kind.__name__}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise self.fault(f"{key!r} holds something that is not a string")
        return tuple(values)

    def table(self, key: str) -> _Table:
        return _Table(self.take(key, dict, {}), self._file, f"{self._path}.{key}" if self._path else key)

    def tables(self, key: str) -> list[_Table]:
        entries = self.take(key, list)
        if not entries or not all(isinstance(entry, dict) for entry in entries):
            raise self.fault(f"[[{key}]] is not a list of tables")
        return [_Table(entry, self._file, f"{key} {index}") for index, entry in enumerate(entries)]

    def numbers(self) -> dict[str, int]:
        """All that is left, each a number with a name fit for a C macro."""
        for key in list(self._left):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", key):
                raise self.fault(f"{key!r} is not a lower-case name")
        return {key: self.take(key, int) for key in sorted(self._left)}

    def end(self) -> None:
        for key in self._left:
            nearest = difflib.get_close_matches(key, self._known)
            raise self.fault(f"unknown key {key!r}" + (f", {nearest[0]!r} perhaps" if nearest else ""))


def _board(name: str, table: _Table) -> Board:
    emulator = table.table("emulator")
    argv = emulator.strings("argv")
    shift = emulator.take("icount_shift", int, None)
    emulator.end()
    drivers = {kind: driver for kind in ("boot", "clock", "reset", "uart") if (driver := _driver(table.table(kind)))}
    counter = _counter(table.table("counter"), shift)
    options = table.table("flash_options")
    board = Board(
        name=name,
        title=table.take("title", str),
        cpu=_cpu(table.table("cpu")),
        memories=tuple(_memory(entry) for entry in table.tables("memory")),
        template=table.take("template", str),
        counter=counter,
        drivers={**drivers, "counter": counter.driver},
        emulator=(*argv, *_emulator_options(shift)) if argv else None,
        flasher=table.take("flasher", str, None),
        flash_options={key: options.take(key, str) for key in list(options._left)},
        images=table.strings("images"),
        usb_ids=table.strings("usb_ids"),
        notes=" ".join(table.take("notes", str, "").split()),
    )
    table.end()
    _check(board, table)
    return board


def _emulator_options(shift: int | None) -> tuple[str, ...]:
    quiet = ("-display", "none", "-monitor", "none")
    return quiet if shift is None else (*quiet, "-icount", f"shift={shift}")


def _cpu(table: _Table) -> Cpu:
    core = table.take("core", str)
    if core not in CORES:
        raise table.fault(f"core {core!r} is none of {', '.join(CORES)}")
    cpu = Cpu(core, CORES[core].features, table.take("clock_hz", int))
    table.end()
    return cpu


def _memory(table: _Table) -> Memory:
    memory = Memory(*(table.take(key, kind) for key, kind in _MEMORY_KEYS.items()))
    if memory.kind not in ("flash", "sram", "vectors") or not re.fullmatch(r"[a-z][a-z0-9_]*", memory.name):
        raise table.fault(f"kind {memory.kind!r} or name {memory.name!r} will not do")
    table.end()
    return memory


# the driver tables that a template cannot do without
_NEEDED: Mapping[str, tuple[str, ...]] = {"cortex_m": ("clock", "uart"), "riscv": ("clock", "reset", "uart")}
_MEMORY_KEYS: Mapping[str, type] = {"name": str, "kind": str, "address": int, "size_bytes": int}


def _driver(table: _Table) -> Driver | None:
    name = table.take("driver", str, None)
    return None if name is None else Driver(name, table.numbers())


def _counter(table: _Table, shift: int | None) -> Counter:
    unit = table.take("unit", str)
    if unit not in ("instructions", "cycles", "nanoseconds"):
        raise table.fault(f"unit {unit!r} is none of instructions, cycles, nanoseconds")
    tick_hz = table.take("tick_hz", int)
    driver = _driver(table)
    if driver is None or tick_hz == 0:
        raise table.fault("'driver' is missing" if driver is None else "'tick_hz' is 0")
    return Counter(driver, unit, tick_hz, shift)


def _check(board: Board, table: _Table) -> None:
    kinds = [memory.kind for memory in board.memories]
    for kind in ("flash", "sram"):
        if kind not in kinds:
            raise table.fault(f"no [[memory]] is of kind {kind!r}")
    for kind in _NEEDED.get(board.template, ()):
        if kind not in board.drivers:
            raise table.fault(f"[{kind}] is missing: template {board.template!r} needs it")
    for image in board.images:
        if image not in ("bin", "hex", "uf2"):
            raise table.fault(f"image {image!r} is none of bin, hex, uf2")
