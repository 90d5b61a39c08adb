"""What functions of one value share: an output of the input's shape, and on int8 a table of 256 answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from tinyml.ir import Array, Cut, DType, Node, Op, Shape, Tensor
from tinyml.ir.requantize import Int64


class Pointwise(Op):
    """output[i] = f(input[i]), one input of any shape."""

    @abstractmethod
    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        """f on quantized numbers of `source`, in quantized numbers of `output`; clamped to int8 afterwards."""

    def map_int16(self, values: Array, source: Tensor) -> Int64:
        """f on int16, for ops that take it."""
        raise NotImplementedError(self.kind)

    @abstractmethod
    def map_float(self, values: Array) -> Array:
        """f on float32."""

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        return (inputs[0].shape,)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return begin, end

    def cut_columns(self, node: Node, begin: int, end: int) -> Cut:
        return Cut(self, ((begin, end),))

    def table(self, node: Node) -> Array:
        """int8[256]: the output for each input value, -128 first."""
        answers = self.map_int8(np.arange(-128, 128), node.inputs[0], node.output)
        return np.clip(answers, -128, 127).astype(np.int8)

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        if node.output.dtype is DType.INT16:
            return (self.map_int16(values[0], node.inputs[0]).astype(np.int16),)
        return (self.table(node)[values[0].astype(np.int64) + 128],)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (self.map_float(values[0]).astype(np.float32),)
