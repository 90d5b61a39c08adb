"""Elementwise operators of NCHW formats: operands that broadcast in the stated order, brought together as stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.layout import Cut, Layout
from tinyml.importers.nchw import (
    MAX_ELEMENTS,
    Builder,
    Operand,
    Value,
    broadcast_shape,
    channels_last,
    padded_shape,
    stored_constant,
)
from tinyml.ir import Activation, Array, Op, Shape, Tensor
from tinyml.ops import Add, HardSwish, Logistic, Maximum, Minimum, Mul, Prelu, Relu, Sub
from tinyml.ops.broadcast import Broadcast

LEAST_LENGTH = 1e-6
MAX_BOUND = 1e6  # beyond it, float32 loses what a clamp between shifts should keep


def pointwise(builder: Builder, value: Value, op: Op, part: str = "") -> Value:
    """A function of one number: the layout stays."""
    return Value(value.shape, value.layout, builder.add(op, [value.tensor], part))


def binary(builder: Builder, op: Broadcast, first: Operand, second: Operand, part: str = "") -> Value:
    """An op of two operands, at least one of them a Value."""
    shape = broadcast_shape(first.shape, second.shape)
    if math.prod(shape) > MAX_ELEMENTS:
        raise UnsupportedError(f"a tensor of shape {list(shape)}")
    operands = [_padded(builder, operand, len(shape)) for operand in (first, second)]
    whole = [at for at, o in enumerate(operands) if isinstance(o, Value) and o.shape == shape]
    if not whole:
        return _stretched(builder, op, operands, shape, part)
    # of two whole operands, the one that is not stored as stated leads: an image keeps its channels last
    leader = min(whole, key=lambda at: _is_plain(operands[at]))
    host = operands[leader]
    assert isinstance(host, Value)
    frame = _frame(builder, host, operands[1 - leader].shape)
    inputs: list[Tensor] = [frame.tensor, frame.tensor]
    inputs[1 - leader] = _fitted(builder, frame, operands[1 - leader])
    return Value(shape, host.layout, builder.add(op, inputs, part))


def _padded(builder: Builder, operand: Operand, rank: int) -> Operand:
    shape = padded_shape(operand.shape, rank)
    return builder.reshape(operand, shape) if isinstance(operand, Value) else operand.reshape(shape)


def _is_plain(operand: Operand) -> bool:
    return isinstance(operand, Value) and operand.layout.is_plain


@dataclass(frozen=True)
class _Frame:
    """The whole operand, its sides cut to the stated axes. runs: per stored axis, its places in `cut.order`.

    present: per side, whether the other operand has it or is stretched over it.
    """

    tensor: Tensor
    cut: Cut
    present: tuple[bool, ...]
    runs: tuple[tuple[int, ...], ...]


def _frame(builder: Builder, host: Value, guest: Shape) -> _Frame:
    cut = host.cut
    present = [False] * len(cut.sides)
    for axis, group in enumerate(cut.groups):
        for side in group:
            present[side] = guest[axis] != 1
    stored = [cut.sides[side] for side in cut.order]
    runs = stored_runs(host.tensor.shape, stored)
    if runs is None or any(len({present[cut.order[place]] for place in run}) > 1 for run in runs):
        runs = _uniform_runs([present[side] for side in cut.order])
    shape = tuple(math.prod(stored[place] for place in run) for run in runs)
    return _Frame(builder.shaped(host.tensor, shape), cut, tuple(present), tuple(map(tuple, runs)))


def stored_runs(shape: Shape, stored: Sequence[int]) -> list[list[int]] | None:
    """The places that each stored axis consists of; None when an axis ends inside a side."""
    runs: list[list[int]] = []
    place = 0
    for side in shape:
        runs.append([])
        while side > 1:
            if place == len(stored) or side % stored[place]:
                return None
            side //= stored[place]
            runs[-1].append(place)
            place += 1
    return runs


def _uniform_runs(present: Sequence[bool]) -> list[list[int]]:
    runs: list[list[int]] = []
    for place, flag in enumerate(present):
        if runs and present[runs[-1][-1]] == flag:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _fitted(builder: Builder, frame: _Frame, guest: Operand) -> Tensor:
    """The other operand with its axes as the frame stores them, sides of 1 where it is stretched."""
    cut = frame.cut
    stored = [cut.sides[side] if frame.present[side] else 1 for side in cut.order]
    shape = tuple(math.prod(stored[place] for place in run) for run in frame.runs)
    if not isinstance(guest, Value):
        sides = [size if here else 1 for size, here in zip(cut.sides, frame.present, strict=True)]
        return builder.constant(trimmed(guest.reshape(sides).transpose(cut.order).reshape(shape)), "constant")
    kept = [side for side in range(len(cut.sides)) if frame.present[side]]
    order = [kept.index(side) for side in cut.order if frame.present[side]]
    return builder.arranged(guest, cut.sizes(kept), order, shape)


def trimmed(data: Array) -> Array:
    """Without leading sides of 1; at least one side stays."""
    shape = data.shape
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return data.reshape(shape or (1,))


def _stretched(builder: Builder, op: Op, operands: Sequence[Operand], shape: Shape, part: str) -> Value:
    """Where both operands are stretched: both in one canonical order."""
    axes = channels_last(len(shape)) if len(shape) == 4 else tuple(range(len(shape)))
    inputs = [
        builder.stored(o, axes) if isinstance(o, Value) else builder.constant(stored_constant(o, axes), "constant")
        for o in operands
    ]
    return builder.value(builder.add(op, inputs, part), shape, axes)


def scalar(number: float) -> Array:
    return np.array([number], np.float32)


def affine(builder: Builder, value: Value, factor: Array, offset: Array) -> Value:
    """value * factor + offset, without the steps that change nothing."""
    parts: list[tuple[Broadcast, Array]] = [(Mul(), factor)] if np.any(factor != 1) else []
    parts = [*parts, (Add(), offset)] if np.any(offset != 0) else parts
    for at, (op, data) in enumerate(parts):
        value = binary(builder, op, value, data, "" if at == len(parts) - 1 else "scaled")
    return value


def batch_norm(builder: Builder, value: Value, parameters: Sequence[Array], epsilon: float) -> Value:
    """parameters: scale, bias, mean, variance, one number per channel each. Folded into a convolution afterwards."""
    channels = value.shape[1] if len(value.shape) > 1 else 0
    if any(data.shape != (channels,) for data in parameters):
        raise ModelError(f"parameters of {[list(data.shape) for data in parameters]} for {channels} channels")
    scale, bias, mean, variance = (data.astype(np.float64) for data in parameters)
    if np.any(variance + epsilon <= 0):
        raise ModelError("a variance that is not positive")
    factor = scale / np.sqrt(variance + epsilon)
    shape = (channels, *(1,) * (len(value.shape) - 2))
    offset = bias - mean * factor
    return affine(builder, value, factor.astype(np.float32).reshape(shape), offset.astype(np.float32).reshape(shape))


def clip(builder: Builder, value: Value, low: float | None, high: float | None) -> Value:
    """value clamped to [low, high]; None is no bound. A clamp of a clamp is one clamp."""
    low = None if low is None or low <= np.finfo(np.float32).min else low
    high = None if high is None or high >= np.finfo(np.float32).max else high
    if value.tensor in builder.lengths and high is None and low is not None and low <= LEAST_LENGTH:
        return value  # kept off 0 to be divided by
    if any(bound is not None and not abs(bound) <= MAX_BOUND for bound in (low, high)):
        raise UnsupportedError(f"bounds of {low} and {high}; up to {MAX_BOUND:g} are supported")
    if value.tensor in builder.clamps:
        # of two clamps the later one decides where they exclude each other
        source, inner_low, inner_high = builder.clamps[value.tensor]
        bounds = [bound for bound in (low, inner_low) if bound is not None]
        joined = max(bounds, default=None)
        bounds = [bound for bound in (high, inner_high) if bound is not None]
        limit = min(bounds, default=None)
        if joined is None or limit is None or joined < limit:
            value, low, high = Value(value.shape, value.layout, source.tensor), joined, limit
    clamped = _clamped(builder, value, low, high)
    builder.clamps[clamped.tensor] = (value, low, high)
    return clamped


def _clamped(builder: Builder, value: Value, low: float | None, high: float | None) -> Value:
    """Bounds without a fused form shift and scale a rectifier."""
    for activation in Activation:
        if activation.bounds == (low, high):
            return value if activation is Activation.NONE else pointwise(builder, value, Relu(activation))
    if high is None:
        assert low is not None
        above = pointwise(builder, affine(builder, value, scalar(1), scalar(-low)), Relu(), "above")
        return affine(builder, above, scalar(1), scalar(low))
    if low is None:
        below = pointwise(builder, binary(builder, Sub(), scalar(high), value, "flipped"), Relu(), "below")
        return binary(builder, Sub(), scalar(high), below)
    if low >= high:
        raise UnsupportedError(f"bounds of {low} and {high}, which leave one value")
    step = (high - low) / 6
    shifted = affine(builder, value, scalar(1 / step), scalar(-low / step))
    return affine(builder, pointwise(builder, shifted, Relu(Activation.RELU6), "clamped"), scalar(step), scalar(low))


def extreme(builder: Builder, op: Maximum | Minimum, first: Operand, second: Operand) -> Operand:
    """The greater or the lesser; with one number a clamp."""
    if not isinstance(first, Value) and not isinstance(second, Value):
        return np.asarray((np.maximum if isinstance(op, Maximum) else np.minimum)(first, second))
    value, other = (first, second) if isinstance(first, Value) else (second, first)
    if isinstance(other, Value) or other.size != 1:
        return binary(builder, op, first, second)
    assert isinstance(value, Value)
    bound = float(other.reshape(-1)[0])
    return clip(builder, value, *((bound, None) if isinstance(op, Maximum) else (None, bound)))


def hard_sigmoid(builder: Builder, value: Value, alpha: float = 1 / 6, beta: float = 0.5) -> Value:
    """max(0, min(1, alpha * value + beta)) as relu6(6 * alpha * value + 6 * beta) / 6."""
    inner = affine(builder, value, scalar(6 * alpha), scalar(6 * beta))
    return binary(builder, Mul(), pointwise(builder, inner, Relu(Activation.RELU6), "clamped"), scalar(1 / 6))


def hard_swish(builder: Builder, value: Value) -> Value:
    return pointwise(builder, value, HardSwish())


def silu(builder: Builder, value: Value) -> Value:
    return binary(builder, Mul(), value, pointwise(builder, value, Logistic(), "sigmoid"))


def prelu(builder: Builder, value: Value, slopes: Array) -> Value:
    if broadcast_shape(value.shape, slopes.shape) != value.shape:
        raise ModelError(f"slopes {list(slopes.shape)} for {list(value.shape)}")
    return binary(builder, Prelu(), value, slopes)


def plain_value(shape: Shape, tensor: Tensor) -> Value:
    """A value that is stored as stated."""
    return Value(shape, Layout.of(shape, range(len(shape))), tensor)
