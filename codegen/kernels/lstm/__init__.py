"""Kernel of lstm."""

from __future__ import annotations

import numpy as np

from tinyml.ir import Node
from tinyml.ir.lookup import sigmoid_table
from tinyml.kernel import Field, Fields, Kernel
from tinyml.ops import Lstm
from tinyml.ops.lstm import GATES


def parameters(node: Node) -> Fields:
    """Fields of tml_lstm besides its views."""
    op = _op(node)
    low, high = op.cell_bounds(node)
    tanh_multiplier, tanh_shift = op.tanh_scaling(node)
    factors = zip(("forgetting", "learning", "giving"), op.cell_multipliers(node), strict=True)
    return {
        **{f"{name}_gate": _gate(node, gate) for gate, name in enumerate(GATES)},
        **{name: {"multiplier": multiplier, "shift": shift} for name, (multiplier, shift) in factors},
        "input_zero_point": node.inputs[0].affine.zero_point,
        "output_zero_point": node.outputs[0].affine.zero_point,
        "cell_low": low,
        "cell_high": high,
        "tanh_multiplier": tanh_multiplier,
        "tanh_shift": tanh_shift,
        "table": sigmoid_table().astype(np.uint16),
    }


def _gate(node: Node, gate: int) -> dict[str, Field]:
    by_input, by_hidden = _op(node).gate_multipliers(node, gate)
    return {
        "input_weights": node.inputs[3 + gate].values,
        "recurrent_weights": node.inputs[7 + gate].values,
        "bias": node.inputs[11 + gate].values,
        "input_multiplier": by_input[0],
        "input_shift": by_input[1],
        "recurrent_multiplier": by_hidden[0],
        "recurrent_shift": by_hidden[1],
    }


def _op(node: Node) -> Lstm:
    assert isinstance(node.op, Lstm)
    return node.op


KERNELS = (
    Kernel(
        name="tml_lstm_s8",
        op=Lstm,
        struct="tml_lstm",
        parameters=parameters,
        views=("input", "hidden", "cell", "output", "next_hidden", "next_cell"),
        by_rows=False,
    ),
)
