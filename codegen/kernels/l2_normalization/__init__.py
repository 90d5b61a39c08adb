"""Kernels of l2_normalization."""

from __future__ import annotations

from codegen.kernels.fields import in_place
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import L2Normalization


def parameters(node: Node) -> Fields:
    """Fields of tml_l2_normalization besides its views."""
    return {"input_zero_point": node.inputs[0].affine.zero_point}


KERNELS = (
    Kernel(
        name="tml_l2_normalization_s8",
        op=L2Normalization,
        struct="tml_l2_normalization",
        parameters=parameters,
        in_place=in_place,
    ),
)
