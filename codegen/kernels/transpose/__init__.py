"""Kernels of transpose, most specific first, reference last."""

from __future__ import annotations

from codegen.kernels.box import MAX_AXES, box_fields, merged_axes, steps
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Transpose


def parameters(node: Node) -> Fields:
    """Fields of tml_transpose besides its views."""
    return {"box": box_fields(*_layout(node), unit=node.output.dtype.size_bytes)}


def few_axes(node: Node) -> bool:
    return len(merged_axes(*_layout(node), node.output.dtype.size_bytes)) <= MAX_AXES


def _layout(node: Node) -> tuple[list[int], list[int], list[int]]:
    """(size, input step, output step) per axis of the output."""
    assert isinstance(node.op, Transpose)
    source = steps(node.inputs[0].shape)
    return list(node.output.shape), [source[axis] for axis in node.op.permutation], steps(node.output.shape)


KERNELS = (
    Kernel(
        name="tml_transpose_s8",
        op=Transpose,
        struct="tml_transpose",
        parameters=parameters,
        moves_bytes=True,
        accepts=few_axes,
        by_rows=False,
    ),
)
