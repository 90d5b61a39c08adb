"""Kernels of partial_conv2d, preferred first."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from codegen.kernels.dsp import QUARTER, Filters, paired_biases, paired_weights, run_order
from tinyml.ir import DType, Node
from tinyml.ir.requantize import Int32
from tinyml.kernel import Field, Fields, Kernel, Types
from tinyml.ops import PartialConv2D

PAIRS, GROUPS = 8, 12  # TML_PARTIAL_CONV2D_...


def parameters(node: Node) -> Fields:
    """Fields of tml_partial_conv2d besides its views."""
    zero_point = node.inputs[0].affine.zero_point
    return {"input_zero_point": zero_point, "weights": node.inputs[1].values, "bias": _bias(node)}


def pairs_parameters(node: Node) -> Fields:
    """Fields of tml_partial_conv2d_pairs besides its views."""
    filters, depth = _filters(node), node.inputs[0].hwc[2]
    part = next(size for size in range(4 * GROUPS, 0, -4) if depth % size == 0 or depth % size >= 4)
    weights = [_part_weights(filters, begin, min(begin + part, depth)) for begin in range(0, depth, part)]
    blocks = range(0, len(weights[0]), PAIRS)
    words = [part[block : block + PAIRS].ravel() for block in blocks for part in weights]
    return {
        "part": part,
        "weights": np.concatenate(words),
        "zero_sums": paired_biases(filters),
        "bias": _bias(node),
    }


def _part_weights(filters: Filters, begin: int, end: int) -> Int32:
    """Words [pairs, groups, 2] of some input channels."""
    order = run_order(1, end - begin)
    return paired_weights(filters, np.where(order < 0, -1, order + begin))


def _bias(node: Node) -> Field:
    return node.inputs[2].values if len(node.inputs) > 2 and node.inputs[2].is_constant else None


@lru_cache(maxsize=256)
def _filters(node: Node) -> Filters:
    """Sums over raw int8 input; nothing is rescaled."""
    weights = node.inputs[1].values.astype(np.int64).reshape(node.output.hwc[2], -1)
    zero = -node.inputs[0].affine.zero_point * weights.sum(axis=1)
    highest = zero + np.where(weights > 0, 127 * weights, -128 * weights).sum(axis=1)
    lowest = zero + np.where(weights > 0, -128 * weights, 127 * weights).sum(axis=1)
    multiplier, shift = (np.full(len(weights), value) for value in QUARTER)
    return Filters(weights, zero, multiplier, shift, np.maximum(abs(highest), abs(lowest)))


def _fits_pairs(node: Node) -> bool:
    return node.inputs[0].hwc[2] >= 4 and _filters(node).fit_pairs


def _adds(node: Node) -> bool:
    return len(node.operands) > 1


def _begins(node: Node) -> bool:
    return not _adds(node)


def _begins_in_pairs(node: Node) -> bool:
    return _begins(node) and _fits_pairs(node)


def _adds_in_pairs(node: Node) -> bool:
    return _adds(node) and _fits_pairs(node)


INTO_SUMS = Types(output=DType.INT32)

KERNELS = (
    Kernel(
        name="tml_partial_conv2d_first_s8__dsp",
        op=PartialConv2D,
        types=INTO_SUMS,
        struct="tml_partial_conv2d_pairs",
        parameters=pairs_parameters,
        accepts=_begins_in_pairs,
        requires=frozenset({"dsp"}),
    ),
    Kernel(
        name="tml_partial_conv2d_s8__dsp",
        op=PartialConv2D,
        types=INTO_SUMS,
        struct="tml_partial_conv2d_pairs",
        parameters=pairs_parameters,
        views=("input", "sums", "output"),
        accepts=_adds_in_pairs,
        requires=frozenset({"dsp"}),
        in_place=lambda node: (1,),
    ),
    Kernel(
        name="tml_partial_conv2d_first_s8",
        op=PartialConv2D,
        types=INTO_SUMS,
        struct="tml_partial_conv2d",
        parameters=parameters,
        accepts=_begins,
    ),
    Kernel(
        name="tml_partial_conv2d_s8",
        op=PartialConv2D,
        types=INTO_SUMS,
        struct="tml_partial_conv2d",
        parameters=parameters,
        views=("input", "sums", "output"),
        accepts=_adds,
        in_place=lambda node: (1,),
    ),
)
