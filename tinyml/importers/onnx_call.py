"""One ONNX node with its operands resolved, and the questions that op functions ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.nchw import Operand, Value
from tinyml.ir import Array

MAX_INTEGERS = 1 << 10  # of a shape, axes or pads operand


@dataclass(frozen=True)
class OnnxNode:
    """A node as the file states it; "" is an operand left out. attributes: int, float, str, lists of them, arrays."""

    kind: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OnnxCall:
    """inputs: None for an operand left out. opset: version of the operators that the file asks for."""

    node: OnnxNode
    inputs: Sequence[Operand | None]
    opset: int

    def has(self, index: int) -> bool:
        return index < len(self.inputs) and self.inputs[index] is not None

    def operand(self, index: int) -> Operand:
        if not self.has(index):
            raise ModelError(f"operand {index} is missing")
        operand = self.inputs[index]
        assert operand is not None
        return operand

    def value(self, index: int) -> Value:
        """An operand that is computed at run time."""
        operand = self.operand(index)
        if not isinstance(operand, Value):
            raise UnsupportedError(f"operand {index} is a constant")
        return operand

    def constant(self, index: int, role: str) -> Array:
        operand = self.operand(index)
        if isinstance(operand, Value):
            raise UnsupportedError(
                f"its {role} ({operand.tensor.name!r}) is computed at run time; a constant is needed"
            )
        return operand

    def optional(self, index: int, role: str) -> Array | None:
        return self.constant(index, role) if self.has(index) else None

    def number(self, index: int, role: str) -> float | None:
        """A constant of one number, or None when it is left out."""
        data = self.optional(index, role)
        if data is None:
            return None
        if data.size != 1 or not np.issubdtype(data.dtype, np.number):
            raise ModelError(f"its {role} has shape {list(data.shape)}")
        return float(data.reshape(-1)[0])

    def integers(self, index: int, role: str) -> list[int]:
        """A constant vector of integers."""
        data = self.constant(index, role)
        if data.dtype.kind not in "iu" or data.size > MAX_INTEGERS:
            raise ModelError(f"its {role} is {data.dtype}{list(data.shape)}")
        return [int(value) for value in data.reshape(-1)]

    def axes(self, index: int) -> list[int] | None:
        """Axes, which older versions state as an attribute and newer ones as an operand."""
        return self.integers(index, "axes") if self.has(index) else self.ints("axes")

    def integer(self, name: str, default: int) -> int:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise ModelError(f"its attribute {name} is {value!r}")
        return value

    def real(self, name: str, default: float) -> float:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, float | int) or not np.isfinite(value):
            raise ModelError(f"its attribute {name} is {value!r}")
        return float(value)

    def text(self, name: str, default: str) -> str:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, str):
            raise ModelError(f"its attribute {name} is {value!r}")
        return value

    def ints(self, name: str) -> list[int] | None:
        """A list of integers, None when it is left out."""
        value = self.node.attributes.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise ModelError(f"its attribute {name} is {value!r}")
        return value

    def require(self, name: str, *allowed: Any) -> None:
        """UnsupportedError unless an attribute, where stated, has one of these values."""
        value = self.node.attributes.get(name, allowed[0])
        if value not in allowed:
            raise UnsupportedError(f"{name} {value!r}")
