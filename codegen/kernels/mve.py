"""Weights and rescaling as the kernels for Helium read them (tml_mve.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codegen.kernels.dsp import Filters, filters_of
from codegen.kernels.fields import clamp_fields, fused_activation
from tinyml.ir import Node
from tinyml.ir.requantize import Int32, Int64, activation_range
from tinyml.kernel import Field

LANES = 16


def halves_away(node: Node) -> bool:
    """Whether outputs below the zero point tell how halves below it were rounded."""
    low, _ = activation_range(fused_activation(node), node.output)
    return low < node.output.affine.zero_point


def fits(node: Node, axis: int) -> bool:
    """Whether tml_mve.h's rescaling gives TFLite's bytes: no shift to the left, and one to the right for every sum
    whose halves are rounded away from zero."""
    return bool((filters_of(node, axis).shift >= (1 if halves_away(node) else 0)).all())


def block_weights(weights: Int64) -> NDArray[np.int8]:
    """[blocks, vectors, 4, 16] from [channels, taps]."""
    channels, taps = weights.shape
    whole = np.pad(weights, ((0, -channels % 4), (0, -taps % LANES)))
    blocks = whole.reshape(len(whole) // 4, 4, -1, LANES).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(blocks).astype(np.int8)


def filters_fields(node: Node, weights: Int64, scaled_blocks: int | None = None) -> dict[str, Field]:
    """Fields of tml_mve_filters; weights: [channels, taps] in the order in which windows are read.

    scaled_blocks: how many blocks of 4 filters have scaling of their own, all if None.
    """
    blocks = block_weights(weights)
    return {
        "channels": len(weights),
        "vectors": blocks.shape[1],
        "block_bytes": blocks[0].size,
        "zero_point": node.output.affine.zero_point,
        **clamp_fields(node, fused_activation(node)),
        "halves_away": int(halves_away(node)),
        "weights": blocks,
        "scaling": block_scaling(filters_of(node, axis=0))[:scaled_blocks],
    }


def block_scaling(filters: Filters) -> Int32:
    """[blocks, 9]: bias and multiplier of 4 filters, and in a word their shifts to the left."""
    rows = np.stack([filters.bias, filters.multiplier, -filters.shift])
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    bias, multiplier, shift = rows.reshape(3, -1, 4)
    return wrapped(np.concatenate([bias, multiplier, shift.astype(np.int8).view("<i4").astype(np.int64)], axis=1))


def wrapped(values: Int64) -> Int32:
    """As words: sums wrap, and so may the zero point's part in a bias."""
    return np.ascontiguousarray(values).astype(np.uint32).view(np.int32)


def _lane_blocks(channels: int) -> Int64:
    """Channels in blocks of 16; the last block ends with the last channel."""
    starts = np.minimum(np.arange(0, channels, LANES), channels - LANES)
    return starts[:, None] + np.arange(LANES)


def lane_weights(filters: Filters) -> NDArray[np.int8]:
    """[blocks, taps, 16]: a lane per channel."""
    blocks = filters.weights[_lane_blocks(len(filters.weights))]
    return np.ascontiguousarray(blocks.transpose(0, 2, 1)).astype(np.int8)


def lane_scaling(filters: Filters) -> Int32:
    """[blocks, 4, 2, 4]: bias << 8 | shift to the left, and multiplier, of every fourth channel."""
    words = 256 * filters.bias + (-filters.shift & 0xFF)
    rows = np.stack([words, filters.multiplier])[:, _lane_blocks(len(words))]
    fourths = rows.reshape(2, -1, 4, 4).transpose(1, 3, 0, 2)[:, (0, 2, 1, 3)]
    return np.ascontiguousarray(fourths).astype(np.int32)


def row_scaling(filters: Filters) -> Int32:
    """[channels, 3]: bias, multiplier and shift to the left."""
    rows = np.stack([filters.bias, filters.multiplier, -filters.shift], axis=1)
    return wrapped(rows)


def slot_order(kernel_h: int, kernel_w: int, size: int) -> NDArray[np.uint8]:
    """[kernel_h, size]: which weight [kernel_w][kernel_h] meets each byte [column][slot] of a window whose first row
    lies in a slot; bytes behind the window keep their weights, which are 0."""
    order = np.tile(np.arange(size), (kernel_h, 1))
    column, slot = np.divmod(np.arange(kernel_h * kernel_w), kernel_h)
    first = np.arange(kernel_h)[:, None]
    order[:, : kernel_h * kernel_w] = column * kernel_h + (slot - first) % kernel_h
    return order.astype(np.uint8)


def zero_points(node: Node, count: int) -> NDArray[np.int8]:
    """The input's zero point `count` times or more: a power of two, so that layers share arrays."""
    return np.full(1 << (count - 1).bit_length(), node.inputs[0].affine.zero_point, np.int8)


def pairs_fit(filters: Filters) -> bool:
    """Whether products of any two neighbouring taps add up in int16: not where both weights are -128."""
    least = filters.weights == -128
    return not bool((least[:, :-1] & least[:, 1:]).any())
