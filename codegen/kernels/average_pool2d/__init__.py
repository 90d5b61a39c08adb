"""Kernels of average_pool2d, preferred first."""

from __future__ import annotations

from codegen.kernels.fields import pool_fields
from tinyml.ir import Node
from tinyml.kernel import Kernel
from tinyml.ops import AveragePool2D


def _one_row(node: Node) -> bool:
    return node.output.hwc[0] == 1


KERNELS = (
    Kernel(name="tml_average_pool2d_s8", op=AveragePool2D, struct="tml_pool2d", parameters=pool_fields),
    Kernel(
        name="tml_average_pool2d_rows_s8",
        op=AveragePool2D,
        struct="tml_pool2d",
        parameters=pool_fields,
        accepts=_one_row,
        by_rows=False,
        accumulates=True,
        scratch_bytes=lambda node: 4 * node.output.size,
    ),
)
