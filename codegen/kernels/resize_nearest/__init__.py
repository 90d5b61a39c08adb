"""Kernels of resize_nearest, most specific first, reference last."""

from __future__ import annotations

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import ResizeNearest


def parameters(node: Node) -> Fields:
    """Fields of tml_resize_nearest besides its views."""
    op = node.op
    assert isinstance(op, ResizeNearest)
    height, width, _ = node.inputs[0].hwc
    return {"source_row": op.sources(height, op.height), "source_column": op.sources(width, op.width)}


KERNELS = (
    Kernel(
        name="tml_resize_nearest_s8",
        op=ResizeNearest,
        struct="tml_resize_nearest",
        parameters=parameters,
        moves_bytes=True,
    ),
)
