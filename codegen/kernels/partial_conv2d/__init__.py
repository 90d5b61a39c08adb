"""Kernels of partial_conv2d, preferred first."""

from __future__ import annotations

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import PartialConv2D


def parameters(node: Node) -> Fields:
    """Fields of tml_partial_conv2d besides its views."""
    constant = len(node.inputs) > 2 and node.inputs[2].is_constant
    return {
        "input_zero_point": node.inputs[0].affine.zero_point,
        "weights": node.inputs[1].values,
        "bias": node.inputs[2].values if constant else None,
    }


def _adds(node: Node) -> bool:
    return len(node.operands) > 1


def _begins(node: Node) -> bool:
    return not _adds(node)


KERNELS = (
    Kernel(
        name="tml_partial_conv2d_first_s8",
        op=PartialConv2D,
        struct="tml_partial_conv2d",
        parameters=parameters,
        accepts=_begins,
    ),
    Kernel(
        name="tml_partial_conv2d_s8",
        op=PartialConv2D,
        struct="tml_partial_conv2d",
        parameters=parameters,
        views=("input", "sums", "output"),
        accepts=_adds,
        in_place=lambda node: (1,),
    ),
)
