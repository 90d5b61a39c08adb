"""Kernels of mean, preferred first."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from codegen.kernels.dsp import FOUR, SHIFTS, SUM_LIMIT
from codegen.kernels.fields import MOST_INT16, zero_point_fields
from codegen.kernels.mve import LANES
from tinyml.ir import DType, Node
from tinyml.kernel import INT16_TYPES, Fields, Kernel, Types
from tinyml.ops import Mean

LOOPS = 3  # nested loops of the kernel over kept axes, and over reduced ones

Axis = tuple[int, int]  # size, stride in input values


@dataclass(frozen=True)
class _Loops:
    """What one output row runs over, outermost first; row_stride is 0 where it reads the input row of its number."""

    kept: tuple[Axis, ...]
    reduced: tuple[Axis, ...]
    row_stride: int


def parameters(node: Node) -> Fields:
    """Fields of tml_mean besides its views."""
    op = _op(node)
    loops = _loops(node)
    multiplier, shift = op.rescaling(node)
    return {
        "kept": _table(loops.kept),
        "reduced": _table(loops.reduced),
        "row_stride": loops.row_stride,
        "count": math.prod(size for size, _ in loops.reduced),
        **zero_point_fields(node),
        "multiplier": multiplier,
        "shift": shift,
    }


def _loops(node: Node) -> _Loops:
    """The loops of one output row: those of the whole output but for the axis that its rows run along."""
    shape = node.inputs[0].shape
    reduced = _op(node).reduced(shape)
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    axes = [(side, stride, axis in reduced) for axis, (side, stride) in enumerate(zip(shape, strides, strict=True))]
    row_stride = 0
    if node.output.hwc[0] > 1:
        # an output of several rows has one batch, so its rows run along its outermost axis longer than 1
        rows = next(axis for axis in axes if axis[0] > 1 and not axis[2])
        axes.remove(rows)
        row_stride = 0 if node.inputs[0].hwc[0] == node.output.hwc[0] else rows[1]
    kept = _merge((side, stride) for side, stride, is_reduced in axes if not is_reduced)
    return _Loops(kept, _merge((side, stride) for side, stride, is_reduced in axes if is_reduced), row_stride)


def _merge(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """Fewer axes that visit the same values in the same order: neighbours that lie in one piece become one."""
    merged: list[Axis] = []
    for size, stride in axes:
        if size == 1:
            continue
        if merged and merged[-1][1] == size * stride:
            size *= merged.pop()[0]
        merged.append((size, stride))
    return tuple(merged)


def _table(axes: tuple[Axis, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """LOOPS sizes, then LOOPS strides; the innermost axis comes last."""
    padded = ((1, 0),) * (LOOPS - len(axes)) + axes
    return np.array(padded, np.int32).T.copy()


def _accepts(node: Node) -> bool:
    loops = _loops(node)
    return max(len(loops.kept), len(loops.reduced)) <= LOOPS and _sum_fits(node)


def _sum_fits(node: Node) -> bool:
    """Whether an int32 holds the sum of the values of one mean."""
    return node.output.dtype is DType.INT8 or node.inputs[0].size // node.output.size < MOST_INT16


def _op(node: Node) -> Mean:
    assert isinstance(node.op, Mean)
    return node.op


def _adds_rows_up(node: Node) -> bool:
    """Whether every output value averages a whole column, or a whole image, of one channel."""
    shape, reduced = node.inputs[0].shape, _op(node).reduced(node.inputs[0].shape)
    return (
        len(shape) == 4
        and shape[0] == 1
        and 1 in reduced
        and 3 not in reduced
        and node.output.hwc[0] == 1
        and _sum_fits(node)
    )


def _columns_apart(node: Node) -> int:
    return 1 if 2 in _op(node).reduced(node.inputs[0].shape) else node.inputs[0].hwc[1]


def rows_parameters(node: Node) -> Fields:
    """Fields of tml_mean_rows besides its views."""
    multiplier, shift = _op(node).rescaling(node)
    return {
        "columns": _columns_apart(node),
        "count": node.inputs[0].size // node.output.size,
        **zero_point_fields(node),
        "multiplier": multiplier,
        "shift": shift,
    }


def _scale_fits(node: Node, shifts: range) -> bool:
    """Whether the rescaling of tml_dsp.h, or tml_mve.h, gives TFLite's bytes."""
    count = node.inputs[0].size // node.output.size
    return -_op(node).rescaling(node)[1] in shifts and 255 * count < SUM_LIMIT


def _keeps_channels(node: Node, lanes: int) -> bool:
    kept = _loops(node).kept
    return _accepts(node) and bool(kept) and kept[-1][1] == 1 and kept[-1][0] >= lanes


def _adds_images_up(node: Node, lanes: int) -> bool:
    return _adds_rows_up(node) and _columns_apart(node) == 1 and node.inputs[0].hwc[2] % lanes == 0


def _accelerated(feature: str, lanes: int, shifts: range) -> tuple[Kernel, Kernel]:
    return (
        Kernel(
            name=f"tml_mean_s8__{feature}",
            op=Mean,
            struct="tml_mean",
            parameters=parameters,
            accepts=lambda node: _keeps_channels(node, lanes) and _scale_fits(node, shifts),
            requires=frozenset({feature}),
        ),
        Kernel(
            name=f"tml_mean_rows_s8__{feature}",
            op=Mean,
            struct="tml_mean_rows",
            parameters=rows_parameters,
            accepts=lambda node: _adds_images_up(node, lanes) and _scale_fits(node, shifts),
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
            name=f"tml_mean_{suffix}",
            op=Mean,
            struct="tml_mean",
            parameters=parameters,
            types=types,
            accepts=_accepts,
        ),
        Kernel(
            name=f"tml_mean_rows_{suffix}",
            op=Mean,
            struct="tml_mean_rows",
            parameters=rows_parameters,
            types=types,
            accepts=_adds_rows_up,
            by_rows=False,
            accumulates=True,
            scratch_bytes=lambda node: 4 * node.output.size,
        ),
    )
)

KERNELS = (*_accelerated("mve", LANES, range(1, 32)), *_accelerated("dsp", FOUR, SHIFTS), *PORTABLE)
