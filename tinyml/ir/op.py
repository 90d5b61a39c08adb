"""What every op says about itself. One subclass per op, in `tinyml/ops/`; its dataclass fields are its attributes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from tinyml.ir.tensor import Array, Shape, Tensor

if TYPE_CHECKING:
    from tinyml.ir.graph import Node


class Activation(Enum):
    """An activation fused behind an op, in real numbers: the output is clamped to [low, high]."""

    NONE = "none"
    RELU = "relu"
    RELU6 = "relu6"
    RELU_N1_TO_1 = "relu_n1_to_1"

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        return _ACTIVATION_BOUNDS[self]


_ACTIVATION_BOUNDS: dict[Activation, tuple[float | None, float | None]] = {
    Activation.NONE: (None, None),
    Activation.RELU: (0.0, None),
    Activation.RELU6: (0.0, 6.0),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
}


class Padding(NamedTuple):
    """Rows and columns of zeros (zero points) around an image, as an op sees it."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


class View(NamedTuple):
    """`tensor` may lie inside `host`, `offset_bytes` from its start: the same bytes, nothing to move."""

    tensor: Tensor
    host: Tensor
    offset_bytes: int


class Cut(NamedTuple):
    """An op that computes a part of an image, and the columns [first, last) that it reads of each operand."""

    op: Op
    columns: tuple[tuple[int, int], ...]


class ShapeError(ValueError):
    """The inputs of an op do not fit each other or its attributes."""


@dataclass(frozen=True)
class Op(ABC):
    """An operation without its operands. Stateless and comparable."""

    kind: ClassVar[str]  # the name in text, kernels and reports: "conv2d"
    takes_int16: ClassVar[bool] = False  # run_int8 also computes with int16 activations, as TFLM does
    mixes_widths: ClassVar[bool] = False  # with operands and outputs of both int8 and int16

    @abstractmethod
    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        """Shapes of the outputs; raises ShapeError when the inputs do not fit."""

    @abstractmethod
    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        """Outputs from `values` (one array per node input, constants included), equal to TFLM to the byte.

        Activations are int8, or int16 where the op takes them.
        """

    @abstractmethod
    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        """The same in float32."""

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        """The inputs that a kernel reads from buffers; the others (weights, shapes) are its parameters."""
        return node.inputs

    def macs(self, node: Node) -> int:
        """Multiply-accumulates of one execution, by the usual convention: taps in the padding count too."""
        return 0

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int] | None:
        """Rows [first, last) of that operand which output rows [begin, end) depend on, clipped to the image.

        None when the op cannot be computed row by row: it needs its whole input.
        """
        return None

    def cut_columns(self, node: Node, begin: int, end: int) -> Cut | None:
        """Output columns [begin, end) of an image as an op of their own, on no more of the operands than they read.

        None when the op cannot be computed column by column.
        """
        return None

    def views(self, node: Node) -> tuple[View, ...]:
        """How outputs lie in inputs, or inputs in the output, so that the node need not run; () if it must."""
        return ()

    def replaces(self, node: Node) -> tuple[tuple[Tensor, Tensor], ...]:
        """(input, output) pairs of a state before and after, which every kernel of the op can keep in one place."""
        return ()

    def __str__(self) -> str:
        shown = ", ".join(f"{f.name}={_text(getattr(self, f.name))}" for f in fields(self))
        return f"{self.kind}({shown})"


def _text(value: object) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Padding):
        return "/".join(map(str, value))
    return str(value).replace(" ", "")
