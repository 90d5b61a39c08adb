"""Kernels of pad, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.box import MAX_AXES, box_fields, merged_axes, steps
from tinyml.ir import DType, Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Pad


def image_parameters(node: Node) -> Fields:
    """Fields of tml_pad besides its views."""
    op = _op(node)
    _, top, left, front = op.before
    front *= node.output.dtype.size_bytes
    return {"value": int(op.fill(node.output)), "top": top, "left": left, "front": front}


def parameters(node: Node) -> Fields:
    """Fields of tml_pad_box besides its views."""
    op = _op(node)
    shape, target = node.inputs[0].shape, steps(node.output.shape)
    start = sum(before * step for before, step in zip(op.before, target, strict=True))
    box = box_fields(shape, steps(shape), target, output_start=start, unit=node.output.dtype.size_bytes)
    return {"value": int(op.fill(node.output)), "box": box}


def fills_bytes(node: Node) -> bool:
    """Whether the border is the same byte over and over."""
    return node.output.dtype is DType.INT8 or _op(node).fill(node.output) == 0


def keeps_rows(node: Node) -> bool:
    return _op(node).keeps_rows(node) and fills_bytes(node)


def few_axes(node: Node) -> bool:
    shape = node.inputs[0].shape
    axes = merged_axes(shape, steps(shape), steps(node.output.shape), node.output.dtype.size_bytes)
    return len(axes) <= MAX_AXES and fills_bytes(node)


def _op(node: Node) -> Pad:
    assert isinstance(node.op, Pad)
    return node.op


KERNELS = (
    Kernel(
        name="tml_pad_image_s8",
        op=Pad,
        struct="tml_pad",
        parameters=image_parameters,
        moves_bytes=True,
        accepts=keeps_rows,
    ),
    Kernel(
        name="tml_pad_s8",
        op=Pad,
        struct="tml_pad_box",
        parameters=parameters,
        moves_bytes=True,
        accepts=few_axes,
        by_rows=False,
    ),
)
