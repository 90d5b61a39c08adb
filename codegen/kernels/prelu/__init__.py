"""Kernels of prelu."""

from __future__ import annotations

from codegen.kernels.broadcast import broadcast_fields, in_place
from codegen.kernels.fields import zero_point_fields
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Prelu


def parameters(node: Node) -> Fields:
    """Fields of tml_prelu besides its views."""
    op = node.op
    assert isinstance(op, Prelu)
    multipliers = op.multipliers(node)
    return {
        "broadcast": broadcast_fields(node),
        **zero_point_fields(node),
        "slope_zero_point": node.inputs[1].affine.zero_point,
        "positive_multiplier": multipliers.positive[0],
        "positive_shift": multipliers.positive[1],
        "negative_multiplier": multipliers.negative[0],
        "negative_shift": multipliers.negative[1],
    }


KERNELS = (
    Kernel(
        name="tml_prelu_s8",
        op=Prelu,
        struct="tml_prelu",
        parameters=parameters,
        views=("input", "slope", "output"),
        in_place=in_place,
    ),
)
