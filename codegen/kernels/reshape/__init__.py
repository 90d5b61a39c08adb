"""Kernels of reshape, most specific first, reference last."""

from __future__ import annotations

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Reshape


def parameters(node: Node) -> Fields:
    """tml_reshape has nothing besides its views."""
    return {}


KERNELS = (
    Kernel(
        name="tml_reshape_s8",
        op=Reshape,
        struct="tml_reshape",
        parameters=parameters,
        moves_bytes=True,
        by_rows=False,
    ),
)
