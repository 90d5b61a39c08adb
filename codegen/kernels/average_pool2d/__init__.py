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


def _accelerated(feature: str, lanes: int) -> tuple[Kernel, Kernel]:
    def accepts(node: Node) -> bool:
        op = node.op
        assert isinstance(op, AveragePool2D)
        return node.output.hwc[2] >= lanes and op.kernel_h * op.kernel_w <= MOST_BYTES

    return (
        Kernel(
            name=f"tml_average_pool2d_s8__{feature}",
            op=AveragePool2D,
            struct="tml_pool2d",
            parameters=pool_fields,
            accepts=accepts,
            requires=frozenset({feature}),
        ),
        Kernel(
            name=f"tml_average_pool2d_rows_s8__{feature}",
            op=AveragePool2D,
            struct="tml_pool2d",
            parameters=pool_fields,
            accepts=lambda node: _one_row(node) and node.output.hwc[2] % lanes == 0,
            requires=frozenset({feature}),
            by_rows=False,
            accumulates=True,
            scratch_bytes=lambda node: 4 * node.output.size,
        ),
    )


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

KERNELS = (*_accelerated("mve", LANES), *_accelerated("dsp", FOUR), *PORTABLE)
