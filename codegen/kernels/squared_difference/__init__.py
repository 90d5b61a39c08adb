"""Kernels of squared_difference."""

from __future__ import annotations

from codegen.kernels.broadcast import broadcast_fields, in_place
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import SquaredDifference


def parameters(node: Node) -> Fields:
    """Fields of tml_squared_difference besides its views."""
    op = node.op
    assert isinstance(op, SquaredDifference)
    multipliers = op.multipliers(node)
    return {
        "broadcast": broadcast_fields(node),
        "input0_zero_point": node.inputs[0].affine.zero_point,
        "input0_multiplier": multipliers.input0[0],
        "input0_shift": multipliers.input0[1],
        "input1_zero_point": node.inputs[1].affine.zero_point,
        "input1_multiplier": multipliers.input1[0],
        "input1_shift": multipliers.input1[1],
        "output_zero_point": node.output.affine.zero_point,
        "output_multiplier": multipliers.output[0],
        "output_shift": multipliers.output[1],
    }


KERNELS = (
    Kernel(
        name="tml_squared_difference_s8",
        op=SquaredDifference,
        struct="tml_squared_difference",
        parameters=parameters,
        views=("input0", "input1", "output"),
        in_place=in_place,
    ),
)
