"""Kernels of transpose_conv, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.fields import clamp_fields, product_fields, window_fields, zero_point_fields
from tinyml.ir import Node
from tinyml.ir.requantize import convolution_multipliers
from tinyml.kernel import Fields, Kernel
from tinyml.ops import TransposeConv


def parameters(node: Node) -> Fields:
    """Fields of tml_transpose_conv besides its views."""
    op = node.op
    assert isinstance(op, TransposeConv)
    image, weights = node.inputs[0], node.inputs[1]
    return {
        **window_fields(node),
        **zero_point_fields(node),
        **clamp_fields(node, op.activation),
        **product_fields(node, *convolution_multipliers(image, weights, node.output, weights.shape[0])),
    }


KERNELS = (Kernel(name="tml_transpose_conv_s8", op=TransposeConv, struct="tml_transpose_conv", parameters=parameters),)
