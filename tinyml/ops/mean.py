"""Mean over any axes (TFLite MEAN)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ir.requantize import quantize_multiplier
from tinyml.ops.accumulator import rescale


@dataclass(frozen=True)
class Mean(Op):
    """inputs: a tensor of any shape. Averages over `axes` (negative ones count from the end, repetitions are ignored).

    int8: the sum is rescaled once, by input scale / output scale / number of elements.
    """

    kind: ClassVar[str] = "mean"
    takes_int16: ClassVar[bool] = True

    axes: tuple[int, ...]
    keep_dims: bool = False

    def reduced(self, shape: Shape) -> tuple[int, ...]:
        """The axes of `shape` averaged over, ascending, each once; ShapeError for an axis that it lacks."""
        rank = len(shape)
        if any(not -rank <= axis < rank for axis in self.axes):
            raise ShapeError(f"axes {self.axes} of a tensor of shape {shape}")
        return tuple(sorted({axis % rank for axis in self.axes}))

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shape = inputs[0].shape
        reduced = self.reduced(shape)
        if self.keep_dims:
            return (tuple(1 if axis in reduced else side for axis, side in enumerate(shape)),)
        return (tuple(side for axis, side in enumerate(shape) if axis not in reduced),)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int] | None:
        image, output = node.inputs[0].shape, node.output.shape
        rows_kept = len(image) == len(output) == 4 and image[0] == 1 and 1 not in self.reduced(image)
        return (begin, end) if rows_kept else None

    def rescaling(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift) from a sum of (q - zero point) to output steps.

        TFLM divides the multiplier of input scale / output scale by the number of elements in integers, after shifting
        it left by as many bits as the number has (QuantizedMeanOrSum).
        """
        source = node.inputs[0]
        multiplier, shift = quantize_multiplier(source.affine.scale / node.output.affine.scale)
        count = math.prod(source.shape[axis] for axis in self.reduced(source.shape))
        bits = min(count.bit_length() - 1, 32, 31 + shift)
        return (multiplier << bits) // count, shift - bits

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        centred = values[0].astype(np.int64) - node.inputs[0].affine.zero_point
        total = centred.sum(axis=self.reduced(values[0].shape)).reshape(node.output.shape)
        multiplier, shift = self.rescaling(node)
        return (rescale(node.output, total, np.array(multiplier), np.array(shift), Activation.NONE),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        mean = values[0].mean(axis=self.reduced(values[0].shape), dtype=np.float32)
        return (np.asarray(mean, np.float32).reshape(node.output.shape),)
