"""Kernels of average_pool2d, preferred first."""

from __future__ import annotations

from codegen.kernels.dsp import FOUR, MOST_BYTES
from codegen.kernels.fields import MOST_INT16, pool_fields
from codegen.kernels.mve import LANES
from tinyml.ir import DType, Node
from tinyml.kernel import INT16_TYPES, Kernel, Types
from tinyml.ops import AveragePool2D


def _sum_fits(node: Node) -> bool:
    op = node.op
    assert isinstance(op, AveragePool2D)
    return node.output.dtype is DType.INT8 or op.kernel_h * op.kernel_w < MOST_INT16


def _one_row(node: Node) -> bool:
    return node.output.hwc[0] == 1 and _sum_fits(node)


def _accepts_dsp(node: Node) -> bool:
    op = node.op
    assert isinstance(op, AveragePool2D)
    return node.output.hwc[2] >= FOUR and op.kernel_h * op.kernel_w <= MOST_BYTES


def _accepts_mve(node: Node) -> bool:
    return _accepts_dsp(node) and node.output.hwc[2] >= LANES


def _accepts_rows_dsp(node: Node) -> bool:
    return _one_row(node) and node.output.hwc[2] % FOUR == 0


PORTABLE = tuple(
    kernel
    for suffix, types in (("s8", Types()), ("s16", INT16_TYPES))
    for kernel in (
        Kernel(
            name=f"tml_average_pool2d_{suffix}",
            op=AveragePool2D,
            struct="tml_pool2d",
            parameters=pool_fields,
            types=types,
            accepts=_sum_fits,
        ),
        Kernel(
            name=f"tml_average_pool2d_rows_{suffix}",
            op=AveragePool2D,
            struct="tml_pool2d",
            parameters=pool_fields,
            types=types,
            accepts=_one_row,
            by_rows=False,
            accumulates=True,
            scratch_bytes=lambda node: 4 * node.output.size,
        ),
    )
)

KERNELS = (
    Kernel(
        name="tml_average_pool2d_s8__mve",
        op=AveragePool2D,
        struct="tml_pool2d",
        parameters=pool_fields,
        accepts=_accepts_mve,
        requires=frozenset({"mve"}),
    ),
    Kernel(
        name="tml_average_pool2d_s8__dsp",
        op=AveragePool2D,
        struct="tml_pool2d",
        parameters=pool_fields,
        accepts=_accepts_dsp,
        requires=frozenset({"dsp"}),
    ),
    Kernel(
        name="tml_average_pool2d_rows_s8__dsp",
        op=AveragePool2D,
        struct="tml_pool2d",
        parameters=pool_fields,
        accepts=_accepts_rows_dsp,
        requires=frozenset({"dsp"}),
        by_rows=False,
        accumulates=True,
        scratch_bytes=lambda node: 4 * node.output.size,
    ),
    *PORTABLE,
)
