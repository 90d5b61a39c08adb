"""Kernels of partial_conv2d, preferred first."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from codegen.kernels.dsp import QUARTER, Filters, paired_scaling, paired_weights, run_order
from tinyml.ir import Node
from tinyml.kernel import Field, Fields, Kernel
from tinyml.ops import PartialConv2D


def parameters(node: Node) -> Fields:
    """Fields of tml_partial_conv2d besides its views."""
    zero_point = node.inputs[0].affine.zero_point
    return {"input_zero_point": zero_point, "weights": node.inputs[1].values, "bias": _bias(node)}


def pairs_parameters(node: Node) -> Fields:
    """Fields of tml_partial_conv2d_pairs besides its views."""
    filters, order = _filters(node), run_order(1, node.inputs[0].hwc[2])
    return {
        "groups": len(order),
        "weights": paired_weights(filters, order),
        "zero_sums": np.ascontiguousarray(paired_scaling(filters)[:, :2]),
        "bias": _bias(node),
    }


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


def pairs_bytes(node: Node) -> int:
    """Two pixels in int16."""
    return 16 * -(-node.inputs[0].hwc[2] // 4)


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


KERNELS = (
    Kernel(
        name="tml_partial_conv2d_first_s8__dsp",
        op=PartialConv2D,
        struct="tml_partial_conv2d_pairs",
        parameters=pairs_parameters,
        accepts=_begins_in_pairs,
        requires=frozenset({"dsp"}),
        scratch_bytes=pairs_bytes,
    ),
    Kernel(
        name="tml_partial_conv2d_s8__dsp",
        op=PartialConv2D,
        struct="tml_partial_conv2d_pairs",
        parameters=pairs_parameters,
        views=("input", "sums", "output"),
        accepts=_adds_in_pairs,
        requires=frozenset({"dsp"}),
        scratch_bytes=pairs_bytes,
        in_place=lambda node: (1,),
    ),
    Kernel(
        name="tml_partial_conv2d_first_s8",
        op=PartialConv2D,
        struct="tml_partial_conv2d",
        parameters=parameters,
        accepts=_begins,
    ),
    Kernel(
        name="tml_partial_conv2d_s8",
        op=PartialConv2D,
        struct="tml_partial_conv2d",
        parameters=parameters,
        views=("input", "sums", "output"),
        accepts=_adds,
        in_place=lambda node: (1,),
    ),
)
