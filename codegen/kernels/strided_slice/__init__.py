"""Kernels of strided_slice, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.box import MAX_AXES, box_fields, merged_axes, steps
from tinyml.ir import DType, Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import StridedSlice


def image_parameters(node: Node) -> Fields:
    """Fields of tml_strided_slice besides its views."""
    op = _op(node)
    names = ("top", "left", "front", "stride_h", "stride_w", "stride_c")
    *begin, front = op.begin[1:]
    front *= node.output.dtype.size_bytes
    return dict(zip(names, (*begin, front, *op.stride[1:]), strict=True))


def parameters(node: Node) -> Fields:
    """Fields of tml_strided_slice_box besides its views."""
    start, unit = _op(node).start(node.inputs[0].shape), node.output.dtype.size_bytes
    return {"box": box_fields(*_layout(node), input_start=start, unit=unit)}


def keeps_rows(node: Node) -> bool:
    return _op(node).keeps_rows(node) and (node.output.dtype is DType.INT8 or _op(node).stride[3] == 1)


def few_axes(node: Node) -> bool:
    return len(merged_axes(*_layout(node), node.output.dtype.size_bytes)) <= MAX_AXES


def _layout(node: Node) -> tuple[list[int], list[int], list[int]]:
    """(size, input step, output step) per axis of the input."""
    op = _op(node)
    source = [stride * step for stride, step in zip(op.stride, steps(node.inputs[0].shape), strict=True)]
    return list(op.size), source, steps(op.size)


def _op(node: Node) -> StridedSlice:
    assert isinstance(node.op, StridedSlice)
    return node.op


KERNELS = (
    Kernel(
        name="tml_strided_slice_image_s8",
        op=StridedSlice,
        struct="tml_strided_slice",
        parameters=image_parameters,
        moves_bytes=True,
        accepts=keeps_rows,
    ),
    Kernel(
        name="tml_strided_slice_s8",
        op=StridedSlice,
        struct="tml_strided_slice_box",
        parameters=parameters,
        moves_bytes=True,
        accepts=few_axes,
        by_rows=False,
    ),
)
