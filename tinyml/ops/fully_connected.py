"""Matrix product with constant weights (TFLite FULLY_CONNECTED)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ops.accumulator import check_bias, finish_float, finish_int8


@dataclass(frozen=True)
class FullyConnected(Op):
    """inputs: any shape of B * I elements, weights [O, I], bias [O] (may be absent).

    The output is [B, O], or with keep_num_dims the input's shape with its last side I replaced by O. int8: weights per
    tensor (with a zero point, if the file states one) or symmetric per channel along axis 0. The product of the scales
    is formed in float64 either way, as the tflite-micro package does (TFLM sources before it: float32, per tensor).
    """

    kind: ClassVar[str] = "fully_connected"
    takes_int16: ClassVar[bool] = True

    activation: Activation = Activation.NONE
    keep_num_dims: bool = False

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        shape, weights = inputs[0].shape, inputs[1].shape
        if len(weights) != 2 or min(weights) < 1:
            raise ShapeError(f"weights of shape OxI expected, got {weights}")
        out_features, features = weights
        check_bias(inputs, out_features)
        if self.keep_num_dims:
            if not shape or shape[-1] != features:
                raise ShapeError(f"weights for {features} features, input {shape}")
            return ((*shape[:-1], out_features),)
        if math.prod(shape) % features:
            raise ShapeError(f"weights for {features} features, input {shape}")
        return ((math.prod(shape) // features, out_features),)

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        return node.inputs[:1]

    def macs(self, node: Node) -> int:
        return node.output.size * node.inputs[1].shape[1]

    def input_rows(self, node: Node, operand: int, begin: int, end: int) -> tuple[int, int] | None:
        # an image that stays one is a pointwise convolution; otherwise rows are mixed or regrouped
        return (begin, end) if self.keep_num_dims else None

    def weights_zero_point(self, node: Node) -> int:
        """Subtracted from every weight: 0 for per-channel weights, which are symmetric by specification."""
        zero_points = node.inputs[1].affine.zero_points
        return zero_points[0] if len(zero_points) == 1 else 0

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        # float64 sums of int8 products are exact below 2**53, and BLAS makes them fast
        weights = values[1].astype(np.float64) - self.weights_zero_point(node)
        source = values[0].astype(np.float64) - node.inputs[0].affine.zero_point
        total = (source.reshape(-1, weights.shape[1]) @ weights.T).astype(np.int64)
        return (finish_int8(node, total, values, self.activation).reshape(node.output.shape),)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        total = values[0].reshape(-1, values[1].shape[1]) @ values[1].T
        return (finish_float(total, values, self.activation).reshape(node.output.shape),)
