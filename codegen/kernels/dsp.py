"""Weights and rescaling as the kernels for the DSP extension read them (tml_dsp.h)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from codegen.kernels.fields import clamp_fields, fused_activation
from tinyml.ir import Activation, Node
from tinyml.ir.requantize import (
    Int32,
    Int64,
    activation_range,
    convolution_multipliers,
    multiply_by_quantized_multiplier,
)
from tinyml.kernel import Fields

# Sums below this leave room for doubling them, and for the constant that is added to the product.
SUM_LIMIT = 2**30
# Sums that share their accumulator with another filter's are there 256-fold.
SHARED_SUM_LIMIT = 2**23
SHORT_BIAS_LIMIT = 2**23
SHIFTS = range(1, 23)
# Bytes in a word, and bytes whose sum 16 bits hold (tml_dsp_sums.h).
FOUR, MOST_BYTES = 4, 256
QUARTER = 2**30, 1  # (multiplier, shift): 2**30 / 2**31 / 2**1


@dataclass(frozen=True)
class Filters:
    """What output channels are computed from: sums weights @ x + bias over raw int8 x, the input's zero point being in
    the bias, so that padding holds the zero point.

    weights: [channels, taps].   shift: to the right.   greatest: of the sums' absolute values, for any input.
    """

    weights: Int64
    bias: Int64
    multiplier: Int64
    shift: Int64
    greatest: Int64

    @property
    def fit(self) -> bool:
        """Whether tml_dsp.h's rescaling gives TFLite's bytes."""
        shifts = bool(np.isin(self.shift, SHIFTS).all())
        return shifts and bool((self.greatest < SUM_LIMIT).all())

    @property
    def alike(self) -> bool:
        """Whether one rescaling serves all."""
        return bool((self.multiplier == self.multiplier[0]).all() and (self.shift == self.shift[0]).all())

    @property
    def short_biases(self) -> bool:
        """Whether biases leave a byte of their words to shifts."""
        return bool((abs(self.bias) < SHORT_BIAS_LIMIT).all())

    @property
    def fit_words(self) -> bool:
        """Whether bias and shift share a word besides (scaling_words)."""
        return self.fit and self.short_biases

    @property
    def fit_pairs(self) -> bool:
        """Whether, besides, two filters can share an accumulator (tml_dsp_filter_two)."""
        shared = bool((self.greatest[1::2] < SHARED_SUM_LIMIT).all())
        return self.fit and shared and bool((self.weights > -128).all())


@lru_cache(maxsize=256)
def filters_of(node: Node, axis: int) -> Filters:
    """The filters of a node with inputs (operand, weights[, bias]); axis: of the weights, that of output channels."""
    image, tensor = node.inputs[:2]
    weights = np.moveaxis(tensor.values.astype(np.int64), axis, 0)
    channels = weights.shape[0]
    weights = weights.reshape(channels, -1)
    zero = image.affine.zero_point
    bias = node.inputs[2].values.astype(np.int64) if len(node.inputs) > 2 else np.zeros(channels, np.int64)
    bias = bias - zero * weights.sum(axis=1)
    multipliers, shifts = convolution_multipliers(image, tensor, node.output, channels)
    highest = bias + np.where(weights > 0, 127 * weights, -128 * weights).sum(axis=1)
    lowest = bias + np.where(weights > 0, -128 * weights, 127 * weights).sum(axis=1)
    found = Filters(
        weights,
        bias,
        np.array(multipliers, np.int64),
        -np.array(shifts, np.int64),
        np.maximum(abs(highest), abs(lowest)),
    )
    return _without_constants(node, found, lowest, highest)


def _without_constants(node: Node, filters: Filters, lowest: Int64, highest: Int64) -> Filters:
    """The same outputs, but those that do not depend on the input stated as weights of 0, a bias and a quarter.

    Such channels come from pruning and often have extreme biases and scales. A rescaling never falls as its sum grows,
    so a channel whose least and greatest sum end in the same value is constant.
    """
    low, high = activation_range(fused_activation(node), node.output)
    zero = node.output.affine.zero_point

    def output(sums: Int64) -> Int64:
        value = multiply_by_quantized_multiplier(sums, filters.multiplier, -filters.shift)
        return np.clip(value + zero, low, high)

    first = output(lowest)
    constant = (first == output(highest)) & (filters.greatest < 2**31)
    # the left shift may wrap, and then sums in between could end elsewhere
    constant &= (filters.shift >= 0) | (lowest == highest)
    bias = np.where(constant, 4 * (first - zero), filters.bias)
    return Filters(
        np.where(constant[:, None], 0, filters.weights),
        bias,
        np.where(constant, QUARTER[0], filters.multiplier),
        np.where(constant, QUARTER[1], filters.shift),
        np.where(constant, abs(bias), filters.greatest),
    )


def run_order(runs: int, length: int) -> Int64:
    """Taps [groups, 4] in the order in which a patch of `runs` runs of `length` bytes is read, a word at a time; -1
    where a byte is not to be used (again). The last word of a run ends with it, and overlaps the one before."""
    starts = [*range(0, length - 3, 4), *([max(length - 4, 0)] if length % 4 else [])]
    run: list[int] = []
    for start in starts:
        run += [tap if tap < length and tap not in run else -1 for tap in range(start, start + 4)]
    one = np.array(run, np.int64)
    return np.concatenate([np.where(one < 0, -1, one + number * length) for number in range(runs)]).reshape(-1, 4)


def ordered(weights: Int64, order: Int64) -> Int64:
    """Weights [channels, groups, 4] in an order of taps; 0 where it says -1."""
    return np.where(order < 0, 0, weights[:, order])


def paired_weights(filters: Filters, order: Int64) -> Int32:
    """Words [pairs, groups, 2] for tml_dsp_filter_two; an odd last filter is paired with zeros."""
    found = _even(ordered(filters.weights, order))
    halves = (256 * found[1::2] + found[::2])[..., (0, 2, 1, 3)]
    return np.ascontiguousarray(halves.astype("<i2")).view("<i4").astype(np.int32)


def paired_scaling(filters: Filters) -> Int32:
    """[pairs, 4]: bias << 8 | (shift - 1) of both filters, and their multipliers."""
    words = _even(scaling_words(filters).astype(np.int64)).reshape(-1, 4)
    return words[:, (1, 3, 0, 2)].astype(np.int32)


def scaling_words(filters: Filters) -> Int32:
    """[channels, 2]: multiplier, and bias << 8 | (shift - 1)."""
    columns = [filters.multiplier, 256 * filters.bias + filters.shift - 1]
    return np.stack(columns, axis=1).astype(np.int32)


def paired_biases(filters: Filters) -> Int32:
    """[pairs, 2]: the bias of the even filter, and that plus 256 times the odd one's."""
    bias = _even(filters.bias)
    return np.stack([bias[::2], bias[::2] + 256 * bias[1::2]], axis=1).astype(np.uint32).view(np.int32)


def dense_fields(node: Node, activation: Activation, row_stride: int) -> Fields:
    """Fields of tml_dense_fours besides its views, for a node that reads one pixel, or vector, per output."""
    filters = filters_of(node, axis=0)
    return {
        "features": node.inputs[1].shape[-1],
        "row_stride": row_stride,
        "output_zero_point": node.output.affine.zero_point,
        **clamp_fields(node, activation),
        "weights": dense_weights(filters),
        **_dense_scaling(filters),
    }


def dense_weights(filters: Filters) -> Int32:
    """Words [groups of 4 filters, words of the operand, 2, 2] for tml_dsp_filter_dense; missing filters are zeros."""
    pairs = paired_weights(_whole_groups(filters), run_order(1, filters.weights.shape[1]))
    groups = pairs.reshape(len(pairs) // 2, 2, -1, 2)
    return np.ascontiguousarray(groups.transpose(0, 2, 3, 1))


def _dense_scaling(filters: Filters) -> Fields:
    """Biases of every group of 4 filters; multipliers and shifts of each, or once where one scale serves all."""
    whole = _whole_groups(filters)
    multiplier, shift = whole.multiplier.reshape(-1, 2), whole.shift.reshape(-1, 2) - 1
    shifts = shift[:, :1] + 256 * shift[:, 1:]
    rescaling = np.concatenate([multiplier, shifts], axis=1).astype(np.int32).reshape(-1, 6)
    return {
        "biases": paired_biases(whole).reshape(-1, 4),
        "rescaling": rescaling[:1] if filters.alike else rescaling,
        "rescaling_back": rescaling.itemsize * 6 if filters.alike else 0,
    }


def _whole_groups(filters: Filters) -> Filters:
    """With filters of zeros, rescaled as the last one is, up to a multiple of 4."""
    more = -len(filters.bias) % 4
    return Filters(
        np.pad(filters.weights, ((0, more), (0, 0))),
        np.pad(filters.bias, (0, more)),
        np.pad(filters.multiplier, (0, more), mode="edge"),
        np.pad(filters.shift, (0, more), mode="edge"),
        np.pad(filters.greatest, (0, more)),
    )


def _even(values: Int64) -> Int64:
    """With one more row of zeros where the number of rows is odd."""
    return np.concatenate([values, np.zeros((len(values) % 2, *values.shape[1:]), np.int64)])


def block_weights(filters: Filters, kernel_h: int, kernel_w: int) -> Int32:
    """Words [blocks, kernel_h * kernel_w] for tml_dsp_depthwise.h: the taps as bytes, for 3 x 3 all those of a channel
    together, else for every two rows those of 4 channels, and in the end the single ones of an odd last row."""
    channels = len(filters.weights)
    taps = filters.weights.reshape(channels, kernel_h, kernel_w)[_blocks(channels)]
    if (kernel_h, kernel_w) == (3, 3):
        parts = [taps.reshape(-1, 4, 9)[..., THREE_BY_THREE]]
    else:
        parts = [_two_rows(taps[:, :, y : y + 2]) for y in range(0, kernel_h - 1, 2)]
        parts += [taps[:, :, -1]] if kernel_h % 2 else []
    whole = np.concatenate([part.reshape(len(taps), -1) for part in parts], axis=1)
    return whole.astype(np.int8).view("<i4").astype(np.int32)


# Columns 0 and 1 of two rows, then their column 2 in bytes 0 and 2 of a word, and in the word that begins a byte later
# the third row: taps 0 and 2 in bytes 0 and 2, tap 1 in byte 3.
THREE_BY_THREE = (0, 1, 3, 4, 2, 6, 5, 8, 7)


def _two_rows(rows: Int64) -> Int64:
    """[..., 2, width] as words, bytes (0, 2) a column of both rows and bytes (1, 3) that to its right; of a last column
    that is left two bytes."""
    even = rows.shape[-1] // 2 * 2
    words = np.moveaxis(rows[..., :even].reshape(*rows.shape[:-1], -1, 2), -2, -3)
    parts = [part.reshape(*rows.shape[:-2], -1) for part in (words, rows[..., even:])]
    return np.concatenate(parts, axis=-1)


def column_weights(filters: Filters) -> Int32:
    """Words [blocks, pairs of taps, 2] for tml_dsp_filter_column: channels in bytes (0, 2), (1, 3) and so in the second
    word."""
    taps = np.pad(filters.weights, ((0, 0), (0, filters.weights.shape[1] % 2)))
    split = taps.reshape(len(taps) // 4, 2, 2, -1, 2)
    # [block, word, channel, pair of taps, tap] to [block, pair of taps, word] and the bytes of a word, lowest first
    words = np.ascontiguousarray(split.transpose(0, 3, 1, 4, 2).astype(np.int8))
    return words.reshape(*words.shape[:3], 4).view("<i4").astype(np.int32)


def block_scaling(filters: Filters) -> Int32:
    """[blocks, 4, 2]: scaling_words of each channel."""
    return scaling_words(filters)[_blocks(len(filters.bias))]


def _blocks(channels: int) -> Int64:
    """Channels in blocks of 4; the last block ends with the last channel."""
    starts = np.minimum(np.arange(0, channels, 4), channels - 4)
    return starts[:, None] + np.arange(4)
