"""A layer that remembers: filters of rank 1 over features and time (TFLite SVDF).

Source: "Compressing Deep Neural Networks using a Rank-Constrained Topology", Nakkiran et al., Interspeech 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Activation, Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ir.requantize import clamp_float, multiply_by_quantized_multiplier, quantize_multiplier, wrap_int32


@dataclass(frozen=True)
class Svdf(Op):
    """inputs: input [1, I], state [1, F * M], feature weights [F, I], time weights [F, M], bias [U] int32.

    The state holds M activations of each of F filters, the oldest first. outputs: output [1, U] with U = F / rank, and
    the next state. int8: state and time weights are both int8 or both int16; weights and an int16 state have a zero
    point of 0. TFLM clamps to the type's range alone, whatever the activation: the output's zero point says where zero
    is. It adds the zero point of an int8 state behind the clamp, and what then leaves int8 wraps.
    """

    kind: ClassVar[str] = "svdf"

    rank: int
    activation: Activation = Activation.RELU

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        source, state, feature, time, bias = (tensor.shape for tensor in inputs)
        if len(feature) != 2 or len(time) != 2 or feature[0] != time[0] or self.rank < 1 or feature[0] % self.rank:
            raise ShapeError(f"weights {feature} and {time} of rank {self.rank}")
        units = feature[0] // self.rank
        if source != (1, feature[1]) or state != (1, time[0] * time[1]) or bias != (units,):
            raise ShapeError(f"input {source}, state {state} and bias {bias} for weights {feature} and {time}")
        return (1, units), state

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        return node.inputs[:2]

    def replaces(self, node: Node) -> tuple[tuple[Tensor, Tensor], ...]:
        return ((node.inputs[1], node.outputs[1]),)

    def macs(self, node: Node) -> int:
        return node.inputs[2].size + node.inputs[3].size

    def multipliers(self, node: Node) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) into the state and into the output; the scales are multiplied in float32, as in TFLM."""
        source, state, feature, time = (np.float32(tensor.affine.scale) for tensor in node.inputs[:4])
        output = np.float32(node.outputs[0].affine.scale)
        return quantize_multiplier(float(source * feature / state)), quantize_multiplier(float(state * time / output))

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        source, state, feature, time, bias = (value.astype(np.int64) for value in values)
        into_state, into_output = self.multipliers(node)
        held = node.inputs[1]
        newest = feature @ (source[0] - node.inputs[0].affine.zero_point)
        newest = multiply_by_quantized_multiplier(newest, *into_state)
        low, high = held.dtype.bounds
        newest = np.clip(newest, low, high) + held.affine.zero_point
        newest = (newest - low) % (high - low + 1) + low
        states = np.concatenate([state.reshape(time.shape)[:, 1:], newest[:, None]], axis=1)
        sums = wrap_int32(((states - held.affine.zero_point) * time).sum(axis=1))
        total = wrap_int32(sums.reshape(-1, self.rank).sum(axis=1) + bias)
        output = node.outputs[0]
        result = multiply_by_quantized_multiplier(total, *into_output) + output.affine.zero_point
        clamped = np.clip(result, *output.dtype.bounds).astype(output.dtype.numpy)
        return clamped.reshape(output.shape), states.reshape(state.shape).astype(held.dtype.numpy)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        source, state, feature, time, bias = values
        states = np.concatenate([state.reshape(time.shape)[:, 1:], (feature @ source[0])[:, None]], axis=1)
        total = (states * time).sum(axis=1).reshape(-1, self.rank).sum(axis=1) + bias
        return clamp_float(total[None], self.activation), states.reshape(state.shape)
