"""x / |x| along the last axis (TFLite L2_NORMALIZATION)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Quant, Shape, ShapeError, Tensor
from tinyml.ir.fixed_point import inverse_square_root
from tinyml.ir.requantize import multiply_by_quantized_multiplier

MOST = 2**31 // 255**2  # values whose squares an int32 holds the sum of
OUTPUT_BITS = 7


@dataclass(frozen=True)
class L2Normalization(Op):
    """input: any shape of rank 1 or more. int8 outputs are always in OUTPUT_QUANT, as TFLM demands."""

    kind: ClassVar[str] = "l2_normalization"
    OUTPUT_QUANT: ClassVar[Quant] = Quant.per_tensor(1 / 128, 0)

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        if not inputs[0].shape or inputs[0].shape[-1] > MOST:
            raise ShapeError(f"l2_normalization needs an axis of at most {MOST} values, got {inputs[0].shape}")
        return (inputs[0].shape,)

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int]:
        return begin, end

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        centred = values[0].astype(np.int64) - node.inputs[0].affine.zero_point
        root, places = inverse_square_root((centred * centred).sum(axis=-1, keepdims=True))
        answers = multiply_by_quantized_multiplier(centred, root, OUTPUT_BITS - places)
        return (np.clip(answers, -128, 127).astype(np.int8),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        squares = (values[0] * values[0]).sum(axis=-1, keepdims=True)
        return ((values[0] / np.sqrt(np.maximum(squares, np.float32(1e-12)))).astype(np.float32),)
