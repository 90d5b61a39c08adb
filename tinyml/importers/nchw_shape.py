"""Operators of NCHW formats that join, cut, average or mix along axes: the axes are those of the stated shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.layout import Layout
from tinyml.importers.nchw import Axes, Builder, Operand, Value, stored_constant
from tinyml.importers.nchw_elementwise import plain_value, stored_runs
from tinyml.ir import Array, Op, Shape, Tensor
from tinyml.ops import Concatenation, FullyConnected, Mean, Pad, Softmax, Split, StridedSlice

MAX_PADDING = 1 << 14
MAX_PARTS = 256  # slices that one operator may become
_SOFTMAX = Softmax()


def axis_of(axis: int, shape: Shape) -> int:
    """An axis that may count from the end."""
    if not -len(shape) <= axis < len(shape):
        raise ModelError(f"axis {axis} of {list(shape)}")
    return axis % len(shape)


def axes_from(axes: Sequence[int], shape: Shape) -> list[int]:
    return sorted({axis_of(axis, shape) for axis in axes})


def concat(builder: Builder, operands: Sequence[Operand], axis: int) -> Value:
    """At least one operand is a Value."""
    values = [operand for operand in operands if isinstance(operand, Value)]
    shape = values[0].shape
    axis = axis_of(axis, shape)
    if any(_without(operand.shape, axis) != _without(shape, axis) for operand in operands):
        raise ModelError(f"shapes {[list(operand.shape) for operand in operands]} along axis {axis}")
    joined = (*shape[:axis], sum(operand.shape[axis] for operand in operands), *shape[axis + 1 :])
    if len(operands) == 1:
        return values[0]
    axes = builder.axes_of(values)
    tensors = [
        builder.stored(o, axes) if isinstance(o, Value) else builder.constant(stored_constant(o, axes), "constant")
        for o in operands
    ]
    return builder.value(builder.add(Concatenation(axes.index(axis)), tensors), joined, axes)


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def split(builder: Builder, value: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
    """Consecutive parts along an axis."""
    axis = axis_of(axis, value.shape)
    if sum(sizes) != value.shape[axis] or min(sizes, default=0) < 1:
        raise ModelError(f"parts of {list(sizes)} along axis {axis} of {list(value.shape)}")
    if len(sizes) == 1:
        return [value]
    if len(set(sizes)) > 1:
        starts = [sum(sizes[:at]) for at in range(len(sizes))]
        return [
            cut(builder, value, {axis: range(start, start + size)}) for start, size in zip(starts, sizes, strict=True)
        ]
    axes = builder.axes_of([value])
    parts = builder.add_many(Split(axes.index(axis), len(sizes)), [builder.stored(value, axes)])
    shape = (*value.shape[:axis], sizes[0], *value.shape[axis + 1 :])
    return [builder.value(part, shape, axes) for part in parts]


def cut(builder: Builder, value: Value, taken: dict[int, range]) -> Value:
    """The positions of each axis that `taken` lists; the other axes whole. No axis is dropped."""
    ranges = [taken.get(axis, range(side)) for axis, side in enumerate(value.shape)]
    if any(not span for span in ranges):
        raise UnsupportedError(f"an empty slice of {list(value.shape)}")
    if all(span == range(side) for span, side in zip(ranges, value.shape, strict=True)):
        return value
    axes = builder.axes_of([value])
    stored = [range(1) if axis is None else ranges[axis] for axis in axes]
    op = StridedSlice(tuple(r[0] for r in stored), tuple(map(len, stored)), tuple(r.step for r in stored))
    shape = tuple(map(len, ranges))
    return builder.value(builder.add(op, [builder.stored(value, axes)]), shape, axes)


def pad(builder: Builder, value: Value, sides: Sequence[tuple[int, int]], fill: float = 0.0, part: str = "") -> Value:
    """sides: (before, after) per axis; below 0 they cut off."""
    if len(sides) != len(value.shape) or any(abs(side) > MAX_PADDING for pair in sides for side in pair):
        raise ModelError(f"padding {list(sides)} of {list(value.shape)}")
    if not np.isfinite(fill):
        raise UnsupportedError(f"padding with {fill}")
    cropped = {
        axis: range(max(-before, 0), value.shape[axis] - max(-after, 0))
        for axis, (before, after) in enumerate(sides)
        if min(before, after) < 0
    }
    value = cut(builder, value, cropped) if cropped else value
    sides = [(max(before, 0), max(after, 0)) for before, after in sides]
    if not any(map(any, sides)):
        return value
    axes = builder.axes_of([value])
    before, after = (tuple(0 if axis is None else sides[axis][end] for axis in axes) for end in (0, 1))
    shape = tuple(side + sum(pair) for side, pair in zip(value.shape, sides, strict=True))
    op = Pad(before, after, None if fill == 0 else float(fill))
    return builder.value(builder.add(op, [builder.stored(value, axes)], part), shape, axes)


def mirrored(builder: Builder, value: Value, sides: Sequence[tuple[int, int]]) -> Value:
    """A border that mirrors the image without its outermost row, axis by axis. sides: (before, after) per axis."""
    for axis, (before, after) in enumerate(sides):
        side = value.shape[axis]
        if not 0 <= min(before, after) <= max(before, after) < side:
            raise ModelError(f"a border of {before} and {after} along a side of {side}")
        if before or after:
            parts = [range(before, 0, -1), range(side), range(side - 2, side - 2 - after, -1)]
            value = picked(builder, value, axis, parts)
    return value


def picked(builder: Builder, value: Value, axis: int, parts: Sequence[range]) -> Value:
    """Slices of an axis, side by side."""
    if len(parts) > MAX_PARTS:
        raise UnsupportedError(f"{len(parts)} slices of one tensor; up to {MAX_PARTS} are supported")
    return concat(builder, [cut(builder, value, {axis: part}) for part in parts if part], axis)


def evenly_spaced(places: Sequence[int]) -> list[range]:
    """Positions as few ranges, in their order."""
    runs: list[range] = []
    for place in places:
        last = runs[-1] if runs else range(0)
        step = place - last[-1] if len(last) == 1 else last.step if last else 0
        if last and step and place == last[-1] + step:
            runs[-1] = range(last[0], place + (1 if step > 0 else -1), step)
        else:
            runs.append(range(place, place + 1))
    return runs


def mean(builder: Builder, value: Value, axes: Sequence[int], keep: bool) -> Value:
    """The average over stated axes."""
    reduced = axes_from(axes, value.shape)
    kept = tuple(1 if axis in reduced else side for axis, side in enumerate(value.shape))
    short = tuple(side for axis, side in enumerate(value.shape) if axis not in reduced)
    if kept != value.shape:
        value = _mean_as_stored(builder, value, reduced, kept) or _mean_in_order(builder, value, reduced, kept)
    return value if keep else builder.reshape(value, short)


def _mean_as_stored(builder: Builder, value: Value, reduced: Sequence[int], kept: Shape) -> Value | None:
    """Over whole axes of the tensor as it lies there, whatever order the rest is in; None where that does not fit."""
    cut = value.cut
    gone = {side for axis in reduced for side in cut.groups[axis]}
    runs = stored_runs(value.tensor.shape, cut.sizes(cut.order))
    if runs is None or any(len({cut.order[place] in gone for place in run}) > 1 for run in runs):
        return None
    axes = tuple(axis for axis, run in enumerate(runs) if run and cut.order[run[0]] in gone)
    left = [side for side in range(len(cut.sides)) if side not in gone]
    layout = Layout(cut.sizes(left), tuple(left.index(side) for side in cut.order if side not in gone))
    return Value(kept, layout.joined(), builder.add(Mean(axes, keep_dims=True), [value.tensor]))


def _mean_in_order(builder: Builder, value: Value, reduced: Sequence[int], kept: Shape) -> Value:
    order = builder.axes_of([value])
    op = Mean(tuple(order.index(axis) for axis in reduced), keep_dims=True)
    return builder.value(builder.add(op, [builder.stored(value, order)]), kept, order)


def softmax(builder: Builder, value: Value, axis: int, op: Op = _SOFTMAX) -> Value:
    """op: one of those along the last axis."""
    axis = axis_of(axis, value.shape)
    axes = _with_last(builder.axes_of([value]), axis, value.shape)
    return builder.value(builder.add(op, [builder.stored(value, axes)]), value.shape, axes)


def _with_last(axes: Axes, last: int, shape: Shape) -> tuple[int | None, ...]:
    """The order with one axis moved behind all others; axes of side 1 behind it move in front of it."""
    return (*(axis for axis in axes if axis != last), last)


def linear(builder: Builder, value: Value, weights: Array, bias: Array | None) -> Value:
    """value [..., I] times weights [O, I]. The order in which I is stored goes into the weights."""
    if weights.ndim != 2 or not value.shape or value.shape[-1] != weights.shape[1] or min(weights.shape) < 1:
        raise ModelError(f"weights {list(weights.shape)} for {list(value.shape)}")
    if bias is not None and bias.shape != (weights.shape[0],):
        raise ModelError(f"a bias {list(bias.shape)} for {weights.shape[0]} outputs")
    shape = (*value.shape[:-1], weights.shape[0])
    cut = value.cut
    features = cut.groups[-1]
    others = cut.order[: len(cut.order) - len(features)]
    if set(others) & set(features):
        order = [*range(len(value.shape))]
        value = plain_value(value.shape, builder.stored(value, order))
        cut = value.cut
        features, others = cut.groups[-1], cut.order[: len(cut.order) - len(cut.groups[-1])]
    places = [features.index(side) for side in cut.order[len(others) :]]
    stored = weights.reshape(len(weights), *cut.sizes(features)).transpose(0, *(1 + place for place in places))
    parameters = [builder.constant(stored.reshape(weights.shape), "weights")]
    parameters += [] if bias is None else [builder.constant(bias, "bias")]
    if not others:
        return plain_value(shape, builder.add(FullyConnected(), [value.tensor, *parameters]))
    source = _rows(builder, value, cut.sizes(others))
    output = builder.add(FullyConnected(keep_num_dims=True), [source, *parameters])
    sides = tuple(side for group in cut.groups[:-1] for side in cut.sizes(group))
    stated = [side for group in cut.groups[:-1] for side in group]
    grown = Layout((*sides, len(weights)), (*(stated.index(side) for side in others), len(sides)))
    if len(weights) == 1:
        grown = Layout(grown.sides[:-1], grown.order[:-1])
    return Value(shape, grown.joined(), output)


def _rows(builder: Builder, value: Value, others: Shape) -> Tensor:
    """The tensor with the features as its last side."""
    features = value.shape[-1]
    if value.tensor.shape[-1:] == (features,):
        return value.tensor
    return builder.shaped(value.tensor, (math.prod(others), features))


def matmul(builder: Builder, first: Operand, second: Operand) -> Value:
    """A product of a Value and a constant matrix, on either side."""
    if isinstance(first, Value):
        assert not isinstance(second, Value)
        return linear(builder, first, _matrix(second).T, None)
    assert isinstance(second, Value)
    if len(second.shape) < 2:
        raise UnsupportedError("a product with a vector on the right")
    swapped = [*range(len(second.shape) - 2), len(second.shape) - 1, len(second.shape) - 2]
    product = linear(builder, builder.transpose(second, swapped), _matrix(first), None)
    return builder.transpose(product, swapped)


def _matrix(data: Array) -> Array:
    """The one matrix that a constant consists of, alone or repeated."""
    found = one_matrix(data)
    if found is None:
        raise UnsupportedError(f"a product with a constant of shape {list(data.shape)}; a matrix is supported")
    return found


def one_matrix(data: Array) -> Array | None:
    """None where a constant consists of several matrices, or of none."""
    if data.ndim < 2:
        return None
    first = data[(0,) * (data.ndim - 2)]
    return np.asanyarray(first) if np.array_equal(data, np.broadcast_to(first, data.shape)) else None


def depth_to_space(builder: Builder, value: Value, block: int, depth_first: bool) -> Value:
    """Channels to blocks of block x block pixels. depth_first: a block's pixels are the slowest part of the channel."""
    _, channels, height, width = value.shape
    rest = channels // (block * block)
    if depth_first:
        split_channels = builder.reshape(value, (1, block, block, rest, height, width))
        moved = builder.transpose(split_channels, (0, 3, 4, 1, 5, 2))
    else:
        split_channels = builder.reshape(value, (1, rest, block, block, height, width))
        moved = builder.transpose(split_channels, (0, 1, 4, 2, 5, 3))
    return builder.reshape(moved, (1, rest, height * block, width * block))


def channel_shuffle(builder: Builder, value: Value, groups: int) -> Value:
    shape = value.shape
    if groups < 1 or len(shape) < 2 or shape[1] % groups:
        raise ModelError(f"{groups} groups of {list(shape)}")
    parted = builder.reshape(value, (shape[0], groups, shape[1] // groups, *shape[2:]))
    swapped = builder.transpose(parted, (0, 2, 1, *range(3, len(parted.shape))))
    return builder.reshape(swapped, shape)
