"""One ATen operator of an exported PyTorch program, and the questions that op functions ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.nchw import Operand, Value
from tinyml.importers.nchw_source import Operands
from tinyml.ir import Array, Shape


@dataclass(frozen=True)
class Ref:
    """The name of a tensor, or of a size that is computed."""

    name: str


@dataclass(frozen=True)
class AtenNode:
    """kind: "conv2d.default", as in torch.ops.aten. arguments: by their names in the schema; defaults may be missing.

    layer: the module that it stands in, as in `named_modules`.
    """

    kind: str
    layer: str
    arguments: Mapping[str, Any]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """An exported program. inputs: the user's, by name. shapes: of all tensors whose shapes are fixed."""

    inputs: Mapping[str, Shape]
    constants: Mapping[str, Array]
    nodes: Sequence[AtenNode]
    outputs: Sequence[str]
    shapes: Mapping[str, Shape]


def refs(argument: Any) -> list[str]:
    """The names that an argument, or a list of them, refers to."""
    if isinstance(argument, Ref):
        return [argument.name]
    return [name for item in argument for name in refs(item)] if isinstance(argument, list) else []


@dataclass(frozen=True)
class AtenCall:
    node: AtenNode
    operands: Operands

    def get(self, name: str, default: Any = None) -> Any:
        """An argument with its references resolved."""
        return self._resolved(self.node.arguments.get(name, default))

    def _resolved(self, argument: Any) -> Any:
        if isinstance(argument, Ref):
            return self.operands[argument.name]
        return [self._resolved(item) for item in argument] if isinstance(argument, list) else argument

    def operand(self, name: str) -> Operand:
        """A tensor, or a number as a constant."""
        found = self.get(name)
        if isinstance(found, Value | np.ndarray):
            return found
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise ModelError(f"its argument {name} is {found!r}")
        return np.array(found, np.float32)

    def value(self, name: str) -> Value:
        operand = self.operand(name)
        if not isinstance(operand, Value):
            raise UnsupportedError(f"its argument {name} is a constant")
        return operand

    def operand_list(self, name: str) -> list[Operand]:
        found = self.get(name)
        if not isinstance(found, list) or not all(isinstance(item, Value | np.ndarray) for item in found) or not found:
            raise ModelError(f"its argument {name} is no list of tensors")
        return found

    def constant(self, name: str) -> Array:
        operand = self.operand(name)
        if isinstance(operand, Value):
            raise UnsupportedError(
                f"its {name} ({operand.tensor.name!r}) is computed at run time; a constant is needed"
            )
        return operand

    def optional(self, name: str) -> Array | None:
        return None if self.get(name) is None else self.constant(name)

    def integer(self, name: str, default: int | None = None) -> int:
        return _integer(self.get(name, default), name)

    def ints(self, name: str, default: Sequence[int] = ()) -> list[int]:
        """A list of integers; a lone one counts as a list, none as the default."""
        found = self.get(name)
        if found is None:
            return list(default)
        return [_integer(item, name) for item in (found if isinstance(found, list) else [found])]

    def real(self, name: str, default: float) -> float:
        found = self.number(name)
        return default if found is None else found

    def number(self, name: str) -> float | None:
        """A number, None when it is left out."""
        found = self.get(name)
        if isinstance(found, np.ndarray) and found.size == 1:
            return float(found.reshape(-1)[0])
        if found is None:
            return None
        if not isinstance(found, int | float) or not np.isfinite(found):
            raise ModelError(f"its argument {name} is {found!r}")
        return float(found)

    def floats(self, name: str) -> list[float] | None:
        found = self.get(name)
        if found is None:
            return None
        if not isinstance(found, list) or not all(isinstance(item, int | float) for item in found):
            raise ModelError(f"its argument {name} is {found!r}")
        return [float(item) for item in found]

    def flag(self, name: str, default: bool = False) -> bool:
        return bool(self.get(name, default))


def _integer(found: Any, name: str) -> int:
    if isinstance(found, np.ndarray) and found.size == 1 and found.dtype.kind in "iu":
        return int(found.reshape(-1)[0])
    if isinstance(found, bool) or not isinstance(found, int):
        raise ModelError(f"its argument {name} is {found!r}")
    return found
