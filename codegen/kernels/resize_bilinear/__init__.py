"""Kernels of resize_bilinear, most specific first, reference last."""

from __future__ import annotations

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import ResizeBilinear


def parameters(node: Node) -> Fields:
    """Fields of tml_resize_bilinear besides its views."""
    op = node.op
    assert isinstance(op, ResizeBilinear)
    height, width, _ = node.inputs[0].hwc
    scales = op.scale(height, op.height), op.scale(width, op.width)
    return {
        "scale_h": scales[0],
        "scale_w": scales[1],
        "offset_h": op.offset(scales[0]),
        "offset_w": op.offset(scales[1]),
    }


KERNELS = (
    Kernel(name="tml_resize_bilinear_s8", op=ResizeBilinear, struct="tml_resize_bilinear", parameters=parameters),
)
