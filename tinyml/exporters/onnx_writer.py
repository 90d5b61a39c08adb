"""A QDQ ONNX graph under construction: channels first, float operators between quantizers.

    x ─ QuantizeLinear ─ DequantizeLinear ─ operator ─ QuantizeLinear ─ DequantizeLinear ─ y

Every tensor of four axes is stated as NCHW, any other as it is. Plain values here; `to_onnx` makes protobuf of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tinyml.ir import Array, Quant, Shape, Tensor

NHWC_AXES = (0, 3, 1, 2)  # the axis of an NHWC tensor that each axis of its NCHW statement is
NCHW_AXES = (0, 2, 3, 1)

Attribute = int | float | str | Sequence[int]


@dataclass(frozen=True)
class OnnxNode:
    """One operator; "" is an operand left out."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass
class OnnxWriter:
    """Collects nodes and constants. real: the name of the float value of each tensor, by tensor."""

    nodes: list[OnnxNode] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    real: dict[Tensor, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def unique(self, wish: str) -> str:
        """A name that UTF-8 can hold and nothing else has."""
        base = name = plain_text(wish)
        count = 1
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name

    def node(self, kind: str, inputs: Sequence[str], wish: str, **attributes: Attribute) -> str:
        """The output of a new operator, named like `wish`."""
        (output,) = self.node_of(kind, inputs, [wish], **attributes)
        return output

    def node_of(
        self, kind: str, inputs: Sequence[str], wishes: Sequence[str], **attributes: Attribute
    ) -> tuple[str, ...]:
        outputs = tuple(map(self.unique, wishes))
        self.nodes.append(OnnxNode(kind, tuple(inputs), outputs, attributes))
        return outputs

    def constant(self, wish: str, data: Array | np.generic) -> str:
        name = self.unique(wish)
        self.constants[name] = np.array(data, order="C")  # 0 sides stay 0
        return name

    def integers(self, wish: str, values: Sequence[int]) -> str:
        return self.constant(wish, np.array(values, np.int64))

    # quantizers

    def quantized(self, tensor: Tensor, computed: str, source: Quant | None = None) -> None:
        """The tensor's value is `computed`, quantized and taken back to real numbers.

        source: where the op copies bytes, the quantization they have in its input; they are read in the tensor's own.
        """
        given = self._affine(tensor, source or tensor.affine)
        codes = self.node("QuantizeLinear", [computed, *given], f"{tensor.name}/quantized")
        self.real[tensor] = self.node("DequantizeLinear", [codes, *self._affine(tensor, tensor.affine)], tensor.name)

    def dequantized(self, wish: str, codes: Array, quant: Quant, axis: int | None = None) -> str:
        """Real numbers of constant codes; axis: of the codes as given, along which several scales run."""
        scales, zeros = np.array(quant.scales, np.float32), np.array(quant.zero_points, codes.dtype)
        if axis is None:
            scales, zeros = scales.reshape(()), zeros.reshape(())
        parts = (self.constant(wish, codes), self.constant(f"{wish}/scale", scales))
        operands = (*parts, self.constant(f"{wish}/zero_point", zeros))
        along: dict[str, Attribute] = {} if axis is None else {"axis": axis}
        return self.node("DequantizeLinear", operands, f"{wish}/real", **along)

    def _affine(self, tensor: Tensor, quant: Quant) -> tuple[str, str]:
        return (
            self.constant(f"{tensor.name}/scale", np.float32(quant.scale)),
            self.constant(f"{tensor.name}/zero_point", np.int8(quant.zero_point)),
        )

    # the order of axes

    def plain(self, tensor: Tensor) -> str:
        """The tensor's real value with its axes as the graph has them."""
        name = self.operand(tensor, len(tensor.shape))
        return self.transposed(name, NCHW_AXES, tensor.name) if len(tensor.shape) == 4 else name

    def stated(self, name: str, shape: Shape) -> str:
        """A value of this NHWC shape as it is stated."""
        return self.transposed(name, NHWC_AXES, name) if len(shape) == 4 else name

    def transposed(self, name: str, permutation: Sequence[int], wish: str) -> str:
        return self.node("Transpose", [name], f"{wish}/transposed", perm=list(permutation))

    def reshaped(self, name: str, shape: Shape) -> str:
        return self.node("Reshape", [name, self.integers(f"{name}/shape", shape)], f"{name}/reshaped")

    def operand(self, tensor: Tensor, rank: int) -> str:
        """The tensor's real value as stated, with sides of 1 in front up to `rank` axes of the graph."""
        shape = (*(1,) * (rank - len(tensor.shape)), *tensor.shape)
        if tensor.is_constant:
            codes = tensor.values.reshape(shape)
            stated = codes.transpose(NHWC_AXES) if rank == 4 else codes
            return self.dequantized(tensor.name, stated, tensor.affine)
        if len(tensor.shape) == rank:
            return self.real[tensor]
        return self.stated(self.reshaped(self.plain(tensor), shape), shape)


def plain_text(name: str) -> str:
    """A name that a file can hold: not empty, lone surrogates replaced."""
    return name.encode("utf-8", "replace").decode("utf-8") or "unnamed"


def stated_axis(axis: int, rank: int) -> int:
    """The axis of the statement that an axis of the graph is."""
    return NHWC_AXES.index(axis) if rank == 4 else axis


def stated_sides(sides: Sequence[int], rank: int) -> list[int]:
    """One number per axis, in the order of the statement."""
    return [sides[axis] for axis in NHWC_AXES] if rank == 4 else list(sides)
