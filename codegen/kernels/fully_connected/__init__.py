"""Kernels of fully_connected, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.fields import clamp_fields, product_fields, zero_point_fields
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import FullyConnected


def parameters(node: Node) -> Fields:
    """Fields of tml_fully_connected besides its views."""
    op = node.op
    assert isinstance(op, FullyConnected)
    return {
        "features": node.inputs[1].shape[1],
        "weights_zero_point": op.weights_zero_point(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        **product_fields(node, *op.multipliers(node)),
    }


KERNELS = (
    Kernel(name="tml_fully_connected_s8", op=FullyConnected, struct="tml_fully_connected", parameters=parameters),
)
