"""Kernels of split, most specific first, reference last."""

from __future__ import annotations

import math

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Split


def image_parameters(node: Node) -> Fields:
    """Fields of tml_split besides its views, per row."""
    return _parameters(node, 2)


def parameters(node: Node) -> Fields:
    """Fields of tml_split besides its views, for the whole tensor."""
    return _parameters(node, 0)


def keeps_rows(node: Node) -> bool:
    return _op(node).keeps_rows(node)


def _parameters(node: Node, first_axis: int) -> Fields:
    axis, part = _op(node).axis, node.outputs[0].shape
    unit = node.outputs[0].dtype.size_bytes
    return {"repeats": math.prod(part[first_axis:axis]), "chunk": unit * math.prod(part[axis:])}


def _op(node: Node) -> Split:
    assert isinstance(node.op, Split)
    return node.op


KERNELS = (
    Kernel(
        name="tml_split_image_s8",
        op=Split,
        struct="tml_split",
        parameters=image_parameters,
        views=("input", "outputs"),
        variadic_outputs=True,
        moves_bytes=True,
        accepts=keeps_rows,
    ),
    Kernel(
        name="tml_split_s8",
        op=Split,
        struct="tml_split",
        parameters=parameters,
        views=("input", "outputs"),
        variadic_outputs=True,
        moves_bytes=True,
        by_rows=False,
    ),
)
