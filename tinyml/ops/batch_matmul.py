"""Matrix products of two tensors (TFLite BATCH_MATMUL)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ir.requantize import quantize_multiplier
from tinyml.ops.accumulator import rescale

MAX_RANK = 5  # TFLM's


@dataclass(frozen=True)
class BatchMatMul(Op):
    """inputs: [..., M, K] and [..., K, N]; leading sides broadcast. Output: [..., M, N].

    adjoint0, adjoint1: the operand is [..., K, M], or [..., N, K].
    """

    kind: ClassVar[str] = "batch_matmul"

    adjoint0: bool = False
    adjoint1: bool = False

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shapes = [tensor.shape for tensor in inputs]
        if any(not 2 <= len(shape) <= MAX_RANK for shape in shapes):
            raise ShapeError(f"matrices of 2 to {MAX_RANK} sides expected, got {shapes[0]} and {shapes[1]}")
        first, second = (self._sides(shape, at) for at, shape in enumerate(shapes))
        if first[1] != second[0]:
            raise ShapeError(f"{shapes[0]} and {shapes[1]} have {first[1]} and {second[0]} values to add up")
        try:
            batch: Shape = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
        except ValueError:
            raise ShapeError(f"{shapes[0]} and {shapes[1]} do not broadcast") from None
        return ((*batch, first[0], second[1]),)

    def _sides(self, shape: Shape, operand: int) -> tuple[int, int]:
        """Rows and columns of an operand's matrices."""
        rows, columns = shape[-2:]
        return (columns, rows) if (self.adjoint0, self.adjoint1)[operand] else (rows, columns)

    def depth(self, node: Node) -> int:
        """How many products make a sum."""
        return self._sides(node.inputs[0].shape, 0)[1]

    def macs(self, node: Node) -> int:
        return node.output.size * self.depth(node)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        # a row of an output [1, H, M, N] is a product by itself
        height = node.inputs[operand].hwc[0]
        return (begin, end) if height == node.output.hwc[0] else (0, height)

    def multiplier(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from the product of the operands' scales to the output's."""
        first, second = node.inputs[0].affine.scale, node.inputs[1].affine.scale
        return quantize_multiplier(first * second / node.output.affine.scale)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        # float64 sums of int8 products are exact below 2**53
        centred = [v.astype(np.float64) - t.affine.zero_point for v, t in zip(values, node.inputs, strict=True)]
        total = self._product(centred).astype(np.int64)
        return (rescale(node.output, total, *self.multiplier(node), Activation.NONE),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (self._product(values),)

    def _product(self, values: Sequence[Array]) -> Array:
        first, second = (
            value.swapaxes(-1, -2) if adjoint else value
            for value, adjoint in zip(values, (self.adjoint0, self.adjoint1), strict=True)
        )
        return np.asarray(first @ second)
