"""Kernels of maximum and minimum."""

from __future__ import annotations

from codegen.kernels.broadcast import broadcast_fields, in_place
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Maximum, Minimum


def parameters(node: Node) -> Fields:
    """Fields of tml_maximum besides its views."""
    return {"broadcast": broadcast_fields(node)}


KERNELS = tuple(
    Kernel(
        name=f"tml_{op.kind}_s8",
        op=op,
        struct="tml_maximum",
        parameters=parameters,
        views=("input0", "input1", "output"),
        in_place=in_place,
    )
    for op in (Maximum, Minimum)
)
