"""C text of values: arrays, structs, numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from codegen.wrap import WIDTH, wrapped
from tinyml.ir import Array
from tinyml.kernel import Field, Fields

_C_TYPES = {f"{sign}int{bits}": f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def c_type(array: Array) -> str:
    return _C_TYPES[array.dtype.name]


def number(value: int) -> str:
    """An integer constant expression; the least int32 has no literal of its own."""
    return f"({value + 1} - 1)" if value == -(2**31) else str(value)


def rows_of_numbers(values: Array) -> Iterator[str]:
    """Comma-separated values in lines of at most 118 characters, indented."""
    line = "   "
    for value in values.ravel().tolist():
        text = f" {number(value)},"
        if len(line) + len(text) > WIDTH:
            yield line
            line = "   "
        line += text
    if line.strip():
        yield line


@dataclass
class ArrayPool:
    """The model's constant arrays, each distinct content once, and the file-scope names that are taken."""

    prefix: str
    texts: list[str] = field(default_factory=list)
    total_bytes: int = 0
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def name_of(self, array: Array, wish: str) -> str:
        """Name of the array with this content; defined as `<prefix>_<wish>` when it is new."""
        array = np.ascontiguousarray(array)
        key = (array.dtype.name, hashlib.sha256(array.tobytes()).hexdigest())
        if key not in self._names:
            self._names[key] = self._define(array, f"{self.prefix}_{wish}")
        return self._names[key]

    def _define(self, array: Array, name: str) -> str:
        name = self.reserve(name)
        body = "\n".join(rows_of_numbers(array))
        self.texts.append(
            f"static const {c_type(array)} {name}[{array.size}] = {{\n{body}\n}};\n"
            f'_Static_assert(sizeof({name}) == {array.nbytes}, "{name}");\n'
        )
        self.total_bytes += array.nbytes
        return name

    def reserve(self, name: str) -> str:
        """The name itself, or with a number behind it where it is taken."""
        candidate, count = name, 2
        while candidate in self._used:
            candidate, count = f"{name}_{count}", count + 1
        self._used.add(candidate)
        return candidate


def struct_body(fields: Fields, pool: ArrayPool, owner: str, indent: str = "    ") -> list[str]:
    """Lines of a designated initializer; arrays go to the pool as `<prefix>_<owner>_<field>`."""
    lines = (f".{name} = {_value(value, pool, f'{owner}_{name}')}," for name, value in fields.items())
    return [part for line in lines for part in wrapped(line, indent)]


def _value(value: Field, pool: ArrayPool, wish: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, Mapping):
        inner = ", ".join(f".{name} = {_value(v, pool, f'{wish}_{name}')}" for name, v in value.items())
        return f"{{{inner}}}"
    if isinstance(value, np.ndarray):
        return pool.name_of(value, wish)
    return number(int(value))
