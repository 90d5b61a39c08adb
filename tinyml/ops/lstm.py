"""A recurrent layer of long short-term memory (TFLite UNIDIRECTIONAL_SEQUENCE_LSTM)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node, Op, Shape, ShapeError, Tensor
from tinyml.ir.lookup import logistic_int16, octave_scaling, tanh_int16
from tinyml.ir.requantize import Int64, multiply_by_quantized_multiplier, quantize_multiplier, wrap_int32

GATES = ("input", "forget", "cell", "output")
GATE_SCALE = 2.0**-12  # of a gate before its activation, int16
UNIT_SCALE = 2.0**-15  # of a gate behind its activation, int16


@dataclass(frozen=True)
class Lstm(Op):
    """inputs: input [1, T, I], hidden state [1, U] int8, cell state [1, U] int16, then for the four GATES the weights
    [U, I], for the four the recurrent weights [U, U], for the four the bias [U] int32.

    outputs: the hidden states of all T steps [1, T, U], the last hidden state and the last cell state. The hidden state
    has the output's quantization, the cell state a power of two as scale. cell_clip: bound of the cell's real numbers,
    0 for none.
    """

    kind: ClassVar[str] = "lstm"

    cell_clip: float = 0.0

    def infer(self, inputs: Sequence[Tensor]) -> tuple[Shape, ...]:
        source, hidden, cell = (tensor.shape for tensor in inputs[:3])
        if len(inputs) != 15 or len(source) != 3 or source[0] != 1 or len(hidden) != 2:
            raise ShapeError(f"{len(inputs)} inputs, the first {source} and {hidden}")
        units, features = hidden[1], source[2]
        wanted = ((units, features),) * 4 + ((units, units),) * 4 + ((units,),) * 4
        if hidden[0] != 1 or cell != hidden or tuple(tensor.shape for tensor in inputs[3:]) != wanted:
            raise ShapeError(f"weights of other shapes than {units} units of {features} features need")
        return (1, source[1], units), hidden, hidden

    def operands(self, node: Node) -> tuple[Tensor, ...]:
        return node.inputs[:3]

    def replaces(self, node: Node) -> tuple[tuple[Tensor, Tensor], ...]:
        return (node.inputs[1], node.outputs[1]), (node.inputs[2], node.outputs[2])

    def macs(self, node: Node) -> int:
        return node.inputs[0].shape[1] * sum(tensor.size for tensor in node.inputs[3:11])

    def gate_multipliers(self, node: Node, gate: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) of the input's and of the hidden state's sums; scales are multiplied in float32."""
        read = (node.inputs[index] for index in (0, 3 + gate, 1, 7 + gate))
        source, weights, hidden, recurrent = (np.float32(tensor.affine.scale) for tensor in read)
        products = source * weights / np.float32(GATE_SCALE), hidden * recurrent / np.float32(GATE_SCALE)
        return quantize_multiplier(float(products[0])), quantize_multiplier(float(products[1]))

    def cell_multipliers(self, node: Node) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) of forget gate times cell, of input gate times candidate, of output gate times tanh."""
        cell, hidden = np.float32(node.inputs[2].affine.scale), np.float32(node.outputs[0].affine.scale)
        unit = np.float32(UNIT_SCALE)
        products = (unit * cell / cell, unit * unit / cell, unit * unit / hidden)
        first, second, third = (quantize_multiplier(float(product)) for product in products)
        return first, second, third

    def cell_bounds(self, node: Node) -> tuple[int, int]:
        """Least and greatest cell state, in steps."""
        if self.cell_clip <= 0:
            return -32768, 32767
        bound = int(min(self.cell_clip / node.inputs[2].affine.scale, 32767.0))
        return -bound, bound

    def tanh_scaling(self, node: Node) -> tuple[int, int]:
        """(multiplier, shift to the right) of a cell state in front of its tanh; the cell's scale is a power of two."""
        return octave_scaling(12 + round(float(np.log2(node.inputs[2].affine.scale))))

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        source, hidden, cell, *rest = (value.astype(np.int64) for value in values)
        hidden, cell = hidden[0], cell[0]
        steps = []
        for features in source[0]:
            gates = [self._gate(node, gate, features, hidden, rest) for gate in range(4)]
            cell = self._cell(node, gates, cell)
            hidden = self._hidden(node, gates[3], cell)
            steps.append(hidden)
        output = np.array(steps, np.int8)[None]
        return output, hidden.astype(np.int8)[None], cell.astype(np.int16)[None]

    def _gate(self, node: Node, gate: int, features: Int64, hidden: Int64, rest: Sequence[Int64]) -> Int64:
        by_input, by_hidden = self.gate_multipliers(node, gate)
        sums = wrap_int32(rest[gate] @ (features - node.inputs[0].affine.zero_point) + rest[8 + gate])
        recurrent = rest[4 + gate] @ (hidden - node.inputs[1].affine.zero_point)
        total = _int16(multiply_by_quantized_multiplier(sums, *by_input))
        total = _int16(total + _int16(multiply_by_quantized_multiplier(recurrent, *by_hidden)))
        bend = tanh_int16 if GATES[gate] == "cell" else logistic_int16
        return bend(total, octave_scaling(0))

    def _cell(self, node: Node, gates: Sequence[Int64], cell: Int64) -> Int64:
        forgetting, learning, _ = self.cell_multipliers(node)
        kept = _int16(multiply_by_quantized_multiplier(gates[1] * cell, *forgetting))
        learnt = _int16(multiply_by_quantized_multiplier(gates[0] * gates[2], *learning))
        low, high = self.cell_bounds(node)
        held: Int64 = kept + learnt
        return np.minimum(np.maximum(held, low), high)

    def _hidden(self, node: Node, gate: Int64, cell: Int64) -> Int64:
        *_, giving = self.cell_multipliers(node)
        product = multiply_by_quantized_multiplier(gate * tanh_int16(cell, self.tanh_scaling(node)), *giving)
        return np.minimum(np.maximum(product + node.outputs[0].affine.zero_point, -128), 127)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        source, hidden, cell, *rest = values
        hidden, cell, steps = hidden[0], cell[0], []
        for features in source[0]:
            sums = [rest[g] @ features + rest[4 + g] @ hidden + rest[8 + g] for g in range(4)]
            learn, forget, give = (1 / (1 + np.exp(-sums[g])) for g in (0, 1, 3))
            cell = forget * cell + learn * np.tanh(sums[2])
            cell = np.clip(cell, -self.cell_clip, self.cell_clip) if self.cell_clip > 0 else cell
            hidden = give * np.tanh(cell)
            steps.append(hidden)
        return np.array(steps, np.float32)[None], hidden[None], cell[None]


def _int16(values: Int64) -> Int64:
    return np.minimum(np.maximum(values, -32768), 32767)
