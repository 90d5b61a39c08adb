"""What bytes each channel of each int8 tensor can hold, whatever the inputs: intervals, from front to back.

A channel is an index of the last side. Every int8 op here is a function that never decreases (or never increases) in
any one operand, as long as nothing wraps, so the ends of its output's interval are its values at ends of its inputs'.
Layers: the least sum takes the low end at positive weights and the high end at negative ones, over the taps that lie
inside the image, for every set of them that occurs (`tap_classes`), plus the bias. Where int32 could wrap, the interval
is that of the clamp. Ops without a rule here give [-128, 127].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from tinyml.ir import Activation, Array, Graph, Node, Op, Tensor
from tinyml.ir.requantize import activation_range, convolution_multipliers
from tinyml.ops import (
    Abs,
    Add,
    AveragePool2D,
    Concatenation,
    Elementary,
    Elu,
    Gelu,
    HardSwish,
    LeakyRelu,
    Logistic,
    Maximum,
    MaxPool2D,
    Mean,
    Minimum,
    Mul,
    Pad,
    Prelu,
    Quantize,
    Relu,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Rsqrt,
    Split,
    StridedSlice,
    Sub,
    Tanh,
    Transpose,
    TransposeConv,
)
from tinyml.ops.accumulator import rescale
from tinyml.ops.pool import Pool
from tinyml.passes.filters import LAYERS, bias_of, grouped_filters, is_layer, is_quantized, tap_classes

# sums below this stay int32 with a zero point added
WIDEST = 2**31 - 256
EVERY = np.arange(-128, 128)


class Range(NamedTuple):
    """Least and greatest byte per channel, int64 [channels]."""

    low: Array
    high: Array

    @property
    def constant(self) -> Array:
        """Which channels hold one byte only."""
        return np.asarray(self.low == self.high)

    def hull(self, channels: int) -> Range:
        """The interval of all channels, for `channels` of them."""
        return Range(np.full(channels, self.low.min()), np.full(channels, self.high.max()))


Rule = Callable[[Node, Sequence[Range]], Sequence[Range]]


@lru_cache(maxsize=1)
def value_ranges(graph: Graph) -> Mapping[Tensor, Range]:
    """The range of every int8 activation of one scale, and of constants read as one. Cached for the last graph."""
    known: dict[Tensor, Range] = {tensor: _any(tensor) for tensor in graph.inputs if is_quantized(tensor)}
    for node in graph.nodes:
        known.update({t: _of_constant(t) for t in node.operands if t.is_constant and is_quantized(t)})
        rule = RULES.get(type(node.op))
        if rule and all(tensor in known for tensor in node.operands) and all(map(is_quantized, node.outputs)):
            known.update(zip(node.outputs, rule(node, [known[t] for t in node.operands]), strict=True))
        else:
            known.update({tensor: _any(tensor) for tensor in node.outputs if is_quantized(tensor)})
    return known


def channels_of(tensor: Tensor) -> int:
    return tensor.shape[-1] if tensor.shape else 1


def _any(tensor: Tensor, activation: Activation = Activation.NONE) -> Range:
    low, high = activation_range(activation, tensor)
    return Range(*(np.full(channels_of(tensor), np.clip(end, -128, 127)) for end in (low, high)))


def _of_constant(tensor: Tensor) -> Range:
    rows = tensor.values.astype(np.int64).reshape(-1, channels_of(tensor))
    return Range(rows.min(axis=0), rows.max(axis=0))


def _layer(node: Node, sources: Sequence[Range]) -> list[Range]:
    activation: Activation = getattr(node.op, "activation")  # noqa: B009 - all layers have it
    widest = _any(node.output, activation)
    if not is_layer(node):
        return [widest]
    ends = _sums(node, sources[0])
    multipliers, shifts = map(
        np.array, convolution_multipliers(node.inputs[0], node.inputs[1], node.output, node.output.shape[-1])
    )
    safe = np.max(np.abs(ends), axis=0) <= WIDEST >> np.maximum(shifts, 0)
    low, high = (
        rescale(node.output, np.where(safe, end, 0), multipliers, shifts, activation).astype(np.int64) for end in ends
    )
    return [Range(np.where(safe, low, widest.low), np.where(safe, high, widest.high))]


def _sums(node: Node, source: Range) -> tuple[Array, Array]:
    """Least and greatest sum per output channel, bias included, int64."""
    filters = grouped_filters(node)
    groups, _, taps, depth = filters.shape
    zero = node.inputs[0].affine.zero_point
    source = source if source.low.size == groups * depth else source.hull(groups * depth)
    low, high = (end.reshape(groups, 1, depth, 1).astype(np.float64) - zero for end in source)
    # with the middle and half the width of the interval: w * middle -+ |w| * half
    middle = (filters @ (low + high)).reshape(-1, taps)
    width = (np.abs(filters) @ (high - low)).reshape(-1, taps)
    least, greatest = (middle - width) / 2, (middle + width) / 2
    if isinstance(node.op, TransposeConv):
        ends = np.minimum(least, 0).sum(axis=1), np.maximum(greatest, 0).sum(axis=1)
    else:
        inside = tap_classes(node).T.astype(np.float64)
        ends = (least @ inside).min(axis=1), (greatest @ inside).max(axis=1)
    bias = bias_of(node)
    return ends[0].astype(np.int64) + bias, ends[1].astype(np.int64) + bias


def _by_table(node: Node, sources: Sequence[Range]) -> list[Range]:
    """Functions of one byte, with PRELU's slope per channel: looked up for every byte in the interval."""
    low, high = sources[0]
    values = [np.repeat(EVERY[:, None], len(low), axis=1).astype(np.int8)]
    if len(node.inputs) > 1:
        if not sources[1].constant.all() or sources[1].low.size not in (1, len(low)):
            return [_any(node.output)]
        values.append(np.broadcast_to(sources[1].low.astype(np.int8), len(low)))
    answers = node.op.run_int8(node, values)[0].astype(np.int64)
    reached = (EVERY[:, None] >= low) & (EVERY[:, None] <= high)
    return [Range(np.where(reached, answers, 127).min(axis=0), np.where(reached, answers, -128).max(axis=0))]


def _by_corners(node: Node, sources: Sequence[Range]) -> list[Range]:
    """What is monotone in either operand: at the four pairs of ends."""
    if isinstance(node.op, Mul) and WIDEST >> max(node.op.multiplier(node)[1], 0) < 255 * 255:
        return [_any(node.output, node.op.activation)]
    corners = [node.op.run_int8(node, [end.astype(np.int8) for end in ends])[0] for ends in product(*sources)]
    found = np.broadcast_to(np.array(corners, np.int64), (4, channels_of(node.output)))
    return [Range(found.min(axis=0), found.max(axis=0))]


def _mean(node: Node, sources: Sequence[Range]) -> list[Range]:
    assert isinstance(node.op, Mean)
    source, shape = sources[0], node.inputs[0].shape
    if len(shape) - 1 in node.op.reduced(shape) or not shape:
        source = source.hull(channels_of(node.output))
    multiplier, shift = node.op.rescaling(node)
    count = node.inputs[0].size // node.output.size
    if 255 * count > WIDEST >> max(shift, 0):
        return [_any(node.output)]
    sums = [count * (end - node.inputs[0].affine.zero_point) for end in source]
    return [Range(*(rescale(node.output, s, multiplier, shift, Activation.NONE).astype(np.int64) for s in sums))]


def _pool(node: Node, sources: Sequence[Range]) -> list[Range]:
    assert isinstance(node.op, Pool)
    low, high = sources[0]
    if isinstance(node.op, MaxPool2D) and any(node.op.padding):
        low = np.full_like(low, -128)  # that of a window outside the image
    ends = activation_range(node.op.activation, node.output)
    return [Range(np.clip(low, *ends), np.clip(high, *ends))]


def _pad(node: Node, sources: Sequence[Range]) -> list[Range]:
    assert isinstance(node.op, Pad)
    fill, (*before, first), (*after, last) = int(node.op.fill(node.output)), node.op.before, node.op.after
    low, high = sources[0]
    if any(before) or any(after):
        low, high = np.minimum(low, fill), np.maximum(high, fill)
    return [Range(*(np.pad(end, (first, last), constant_values=fill) for end in (low, high)))]


def _concatenation(node: Node, sources: Sequence[Range]) -> list[Range]:
    assert isinstance(node.op, Concatenation)
    if node.op.axis == len(node.output.shape) - 1:
        return [Range(np.concatenate([s.low for s in sources]), np.concatenate([s.high for s in sources]))]
    return [Range(np.min([s.low for s in sources], axis=0), np.max([s.high for s in sources], axis=0))]


def _reshape(node: Node, sources: Sequence[Range]) -> list[Range]:
    before, after = sources[0].low.size, channels_of(node.output)
    if after % before == 0:
        return [Range(*(np.tile(end, after // before) for end in sources[0]))]
    if before % after == 0:
        low, high = (end.reshape(-1, after) for end in sources[0])
        return [Range(low.min(axis=0), high.max(axis=0))]
    return [sources[0].hull(after)]


def _transpose(node: Node, sources: Sequence[Range]) -> list[Range]:
    assert isinstance(node.op, Transpose)
    stays = node.op.permutation[-1:] == (len(node.output.shape) - 1,)
    return [sources[0] if stays else sources[0].hull(channels_of(node.output))]


def _split(node: Node, sources: Sequence[Range]) -> list[Range]:
    assert isinstance(node.op, Split)
    if node.op.axis != len(node.inputs[0].shape) - 1:
        return list(sources) * len(node.outputs)
    return [Range(*ends) for ends in zip(*(np.split(end, node.op.count) for end in sources[0]), strict=True)]


def _strided_slice(node: Node, sources: Sequence[Range]) -> list[Range]:
    assert isinstance(node.op, StridedSlice)
    if not node.op.size or len(node.op.size) - 1 in node.op.shrink:
        return [sources[0].hull(channels_of(node.output))]
    places = node.op.begin[-1] + np.arange(node.op.size[-1]) * node.op.stride[-1]
    return [Range(*(end[places] for end in sources[0]))]


def _same(node: Node, sources: Sequence[Range]) -> list[Range]:
    """Copies, and averages with weights of sum 1."""
    return [sources[0]]


RULES: Mapping[type[Op], Rule] = {
    **dict.fromkeys(LAYERS, _layer),
    **dict.fromkeys(
        (Abs, Elementary, Elu, Gelu, HardSwish, LeakyRelu, Logistic, Prelu, Quantize, Relu, Rsqrt, Tanh), _by_table
    ),
    **dict.fromkeys((Add, Maximum, Minimum, Mul, Sub), _by_corners),
    **dict.fromkeys((AveragePool2D, MaxPool2D), _pool),
    **dict.fromkeys((ResizeBilinear, ResizeNearest), _same),
    Concatenation: _concatenation,
    Mean: _mean,
    Pad: _pad,
    Reshape: _reshape,
    Split: _split,
    StridedSlice: _strided_slice,
    Transpose: _transpose,
}
