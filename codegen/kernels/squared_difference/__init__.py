"""Kernels of squared_difference."""

from __future__ import annotations

from codegen.kernels.broadcast import in_place, rescaled_fields
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import SquaredDifference


def parameters(node: Node) -> Fields:
    """Fields of tml_squared_difference besides its views."""
    op = node.op
    assert isinstance(op, SquaredDifference)
    return rescaled_fields(node, op.multipliers(node))


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
