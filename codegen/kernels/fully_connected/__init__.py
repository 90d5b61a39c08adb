"""Kernels of fully_connected, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.fields import clamp_fields, product_fields, zero_point_fields
from tinyml.ir import Node
from tinyml.ir.requantize import convolution_multipliers
from tinyml.kernel import Fields, Kernel
from tinyml.ops import FullyConnected


def parameters(node: Node) -> Fields:
    """Fields of tml_fully_connected besides its views."""
    op, (source, weights) = node.op, node.inputs[:2]
    assert isinstance(op, FullyConnected)
    out_features, features = weights.shape
    return {
        "features": features,
        "weights_zero_point": op.weights_zero_point(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        **product_fields(node, *convolution_multipliers(source, weights, node.output, out_features)),
    }


KERNELS = (
    Kernel(name="tml_fully_connected_s8", op=FullyConnected, struct="tml_fully_connected", parameters=parameters),
)
