"""Random one-node graphs of the ops that move bytes: pad, reshape, transpose, concatenation, split, slice, resize."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tests.op_graphs import Rng, activation, one_node, quant, side
from tinyml.ir import Graph, Quant, Shape, ShapeError, Tensor
from tinyml.ops import (
    Concatenation,
    Pad,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Split,
    StridedSlice,
    Transpose,
)


def tensor_shape(rng: Rng, max_rank: int) -> Shape:
    """An image in half of the cases, else any rank; sides of 1 are common."""
    if rng.random() < 0.5:
        return (1, side(rng, 9), side(rng, 9), side(rng, 7))
    return tuple(side(rng, 6) for _ in range(int(rng.integers(1, max_rank + 1))))


def output_quant(rng: Rng, source: Tensor) -> Quant:
    """Mostly the input's own quantization. TFLM copies bytes whatever the output's says, and so do we."""
    return source.affine if rng.random() < 0.8 else quant(rng)


def pad(rng: Rng) -> Graph:
    source = activation(rng, "input", tensor_shape(rng, 5))
    grown = rng.random(len(source.shape)) < rng.choice([0.3, 0.7])
    if len(source.shape) == 4 and rng.random() < 0.7:
        grown[0] = False
    before, after = (tuple(map(int, rng.integers(0, 4, len(grown)) * grown)) for _ in range(2))
    target = output_quant(rng, source)
    value = int(rng.integers(-128, 128)) if rng.random() < 0.3 else None
    return one_node(Pad(before, after, value), [source], [target])


def reshape(rng: Rng) -> Graph:
    source = activation(rng, "input", tensor_shape(rng, 5))
    factors = [source.size] if rng.random() < 0.3 else list(rng.permutation(source.shape))
    for _ in range(int(rng.integers(0, 3))):
        factors.insert(int(rng.integers(0, len(factors) + 1)), 1)
    return one_node(Reshape(tuple(map(int, factors))), [source], [output_quant(rng, source)])


def transpose(rng: Rng) -> Graph:
    source = activation(rng, "input", tensor_shape(rng, 5))
    permutation = tuple(map(int, rng.permutation(len(source.shape))))
    return one_node(Transpose(permutation), [source], [output_quant(rng, source)])


def concatenation(rng: Rng) -> Graph:
    shape = tensor_shape(rng, 5)
    axis = int(rng.integers(0, len(shape)))
    shared = quant(rng)
    parts: list[Tensor] = []
    for index in range(int(rng.integers(1, 6))):
        part = (*shape[:axis], side(rng, 6), *shape[axis + 1 :])
        if index and rng.random() < 0.15:
            parts.append(Tensor.constant(f"constant_{index}", rng.integers(-128, 128, part).astype(np.int8), shared))
        elif index and rng.random() < 0.1:
            parts.append(parts[0])
        else:
            parts.append(activation(rng, f"input_{index}", part, shared))
    return one_node(Concatenation(axis), parts, [shared])


def split(rng: Rng) -> Graph:
    shape = tensor_shape(rng, 5)
    axis, count = int(rng.integers(0, len(shape))), int(rng.integers(1, 5))
    # a batch split into images is the one case in which rows appear that the input has not
    if len(shape) == 4 and rng.random() < 0.2:
        axis = 0
    whole = (*shape[:axis], shape[axis] * count, *shape[axis + 1 :])
    source = activation(rng, "input", whole)
    return one_node(Split(axis, count), [source], [source.affine] * count)


def strided_slice(rng: Rng) -> Graph:
    source = activation(rng, "input", tensor_shape(rng, 4))
    begin, size, stride = [], [], []
    for length in source.shape:
        step = int(rng.choice([1, 1, 1, 2, 3, -1, -2]))
        first = int(rng.integers(0, length)) if rng.random() < 0.6 else (0 if step > 0 else length - 1)
        room = (length - 1 - first if step > 0 else first) // abs(step) + 1
        begin.append(first)
        size.append(room if rng.random() < 0.5 else int(rng.integers(1, room + 1)))
        stride.append(step)
    # TFLM writes nothing where an axis of negative stride is dropped
    droppable = [axis for axis, count in enumerate(size) if count == 1 and stride[axis] > 0]
    shrink = tuple(axis for axis in droppable if rng.random() < 0.3)
    if len(shrink) == len(size):
        shrink = shrink[1:]
    op = StridedSlice(tuple(begin), tuple(size), tuple(stride), shrink)
    return one_node(op, [source], [output_quant(rng, source)])


def resize_nearest(rng: Rng) -> Graph:
    source = activation(rng, "input", (1, side(rng, 9), side(rng, 9), side(rng, 7)))
    height, width = resized(rng, source.shape[1]), resized(rng, source.shape[2])
    op = ResizeNearest(height, width, bool(rng.random() < 0.4), bool(rng.random() < 0.4))
    return one_node(op, [source], [output_quant(rng, source)])


def resize_bilinear(rng: Rng) -> Graph:
    source = activation(rng, "input", (1, side(rng, 9), side(rng, 9), side(rng, 7)))
    height, width = resized(rng, source.shape[1]), resized(rng, source.shape[2])
    align_corners, half_pixel_centers = [(False, False), (True, False), (False, True)][int(rng.integers(0, 3))]
    op = ResizeBilinear(height, width, align_corners, half_pixel_centers)
    try:
        return one_node(op, [source], [output_quant(rng, source)])
    except ShapeError:
        return resize_bilinear(rng)


def resized(rng: Rng, size: int) -> int:
    """Up or down, by a whole factor or not."""
    factor = float(rng.choice([0.5, 1, 2, 3, rng.uniform(0.1, 4), rng.uniform(4, 12)]))
    return max(1, math.floor(size * factor))


CASES: dict[str, Callable[[Rng], Graph]] = {
    "concatenation": concatenation,
    "pad": pad,
    "reshape": reshape,
    "resize_bilinear": resize_bilinear,
    "resize_nearest": resize_nearest,
    "split": split,
    "strided_slice": strided_slice,
    "transpose": transpose,
}
