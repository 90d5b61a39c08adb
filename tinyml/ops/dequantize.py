"""From a quantized tensor to real numbers (TFLite DEQUANTIZE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, Tensor


@dataclass(frozen=True)
class Dequantize(Op):
    """input: integer, per-tensor quantization, any shape. output: float32. Has no kernel: the C API speaks int8."""

    kind: ClassVar[str] = "dequantize"
    takes_int16: ClassVar[bool] = True

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        return (inputs[0].shape,)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return begin, end

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        quant = node.inputs[0].affine
        return ((quant.scale * (values[0].astype(np.float64) - quant.zero_point)).astype(np.float32),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        return (values[0].astype(np.float32),)
