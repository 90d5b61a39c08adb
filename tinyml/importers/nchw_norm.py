"""Operators of NCHW formats that transformers are made of: roots, normalization, attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers import nchw_shape as shapes
from tinyml.importers.nchw import Builder, Operand, Value, moved_elements, padded_shape
from tinyml.importers.nchw_elementwise import affine, binary, pointwise, scalar
from tinyml.ir import Array, Tensor
from tinyml.ir.requantize import Int64
from tinyml.ops import Add, BatchMatMul, Elementary, L2Normalization, Mul, Rsqrt, Sub, Tanh
from tinyml.ops.by_float import error_function
from tinyml.ops.elementary import SOFTPLUS
from tinyml.ops.pointwise import Pointwise

_MASKED = -30.0  # far enough below all scores for an exponential of 0, near enough for a quantized range


@dataclass(frozen=True)
class Erf(Pointwise):
    """Part of a GELU that an exporter has spelled out. `nchw_fold` puts it together again; nothing else knows it."""

    kind: ClassVar[str] = "erf"

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        raise NotImplementedError(self.kind)

    def map_float(self, values: Array) -> Array:
        return error_function(values)


def square_root(builder: Builder, value: Value) -> Value:
    """x / sqrt(x). A division by it is a product with the reciprocal, and then this is read by nobody."""
    root = binary(builder, Mul(), value, reciprocal_root(builder, value))
    builder.roots[root.tensor] = value
    return root


def reciprocal_root(builder: Builder, value: Value) -> Value:
    return pointwise(builder, value, Rsqrt(), "rsqrt")


def divide(builder: Builder, first: Operand, second: Operand) -> Value:
    """By a constant, or by a square root."""
    if isinstance(second, Value):
        whole, axis = builder.lengths.get(second.tensor, (None, 0))
        if isinstance(first, Value) and whole is not None and whole.tensor is first.tensor:
            return shapes.softmax(builder, first, axis, L2Normalization())
        source = builder.roots.get(second.tensor)
        if source is None:
            raise UnsupportedError("a division by a tensor that is computed at run time and is no square root")
        inverse = reciprocal_root(builder, Value(second.shape, second.layout, source.tensor))
        if not isinstance(first, Value) and np.all(first == 1) and first.size == 1:
            return inverse
        return binary(builder, Mul(), first, inverse)
    if np.any(second == 0):
        raise ModelError("a division by 0")
    return binary(builder, Mul(), first, (1 / second.astype(np.float64)).astype(np.float32))


def length(builder: Builder, value: Value, axis: int) -> Value:
    """Of the vectors along an axis. A division of them by it is a L2_NORMALIZATION, and then this is read by nobody."""
    axis = shapes.axis_of(axis, value.shape)
    squares = shapes.mean(builder, binary(builder, Mul(), value, value, "squares"), [axis], keep=True)
    root = square_root(builder, affine(builder, squares, scalar(value.shape[axis]), scalar(0)))
    builder.lengths[root.tensor] = value, axis
    return root


def mish(builder: Builder, value: Value) -> Value:
    """x * tanh(softplus(x)) (arXiv 1908.08681)."""
    soft = pointwise(builder, value, Elementary(SOFTPLUS), "softplus")
    return binary(builder, Mul(), value, pointwise(builder, soft, Tanh(), "tanh"))


def power(builder: Builder, value: Value, exponent: float | None) -> Value:
    """Of an exponent that products and roots give."""
    if exponent == 0.5:
        return square_root(builder, value)
    if exponent == -0.5:
        return reciprocal_root(builder, value)
    if exponent not in (1, 2, 3):
        raise UnsupportedError(f"an exponent of {exponent}")
    found = value
    for turn in range(int(exponent) - 1):
        found = binary(builder, Mul(), found, value, "" if turn == exponent - 2 else "square")
    return found


def normalize(
    builder: Builder, value: Value, axes: Sequence[int], epsilon: float, scale: Array | None, offset: Array | None
) -> Value:
    """(x - mean) / sqrt(variance + epsilon) over axes, then scaled and moved by constants that broadcast."""
    centred = binary(builder, Sub(), value, shapes.mean(builder, value, axes, keep=True), "centred")
    square = binary(builder, Mul(), centred, centred, "square")
    variance = shapes.mean(builder, square, axes, keep=True)
    raised = affine(builder, variance, scalar(1), scalar(epsilon))
    result = binary(builder, Mul(), centred, reciprocal_root(builder, raised), "normal")
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    return affine(builder, result, one if scale is None else scale, zero if offset is None else offset)


def layer_norm(
    builder: Builder, value: Value, count: int, epsilon: float, scale: Array | None, offset: Array | None
) -> Value:
    """Over the last `count` axes."""
    rank = len(value.shape)
    if not 1 <= count <= rank:
        raise ModelError(f"normalization over {count} axes of {list(value.shape)}")
    return normalize(builder, value, range(rank - count, rank), epsilon, scale, offset)


def group_norm(
    builder: Builder, value: Value, groups: int, epsilon: float, scale: Array | None, offset: Array | None
) -> Value:
    """Over groups of channels and all that lies behind them."""
    shape = value.shape
    if len(shape) < 2 or groups < 1 or shape[1] % groups:
        raise ModelError(f"{groups} groups of {list(shape)}")
    around = (shape[1], *(1,) * (len(shape) - 2))
    parts = [None if part is None else part.reshape(around) for part in (scale, offset)]
    if groups == shape[1]:
        return normalize(builder, value, range(2, len(shape)), epsilon, *parts)
    grouped = builder.reshape(value, (shape[0], groups, shape[1] // groups, *shape[2:]))
    normal = normalize(builder, grouped, range(2, len(shape) + 1), epsilon, None, None)
    one, zero = np.ones(1, np.float32), np.zeros(1, np.float32)
    scaled = [default if part is None else part for part, default in zip(parts, (one, zero), strict=True)]
    return affine(builder, builder.reshape(normal, shape), *scaled)


def matmul(builder: Builder, first: Operand, second: Operand) -> Value:
    """A product with a constant matrix on either side, or of two tensors."""
    rank = max(len(first.shape), len(second.shape))
    if rank > 2:
        first, second = (_grown(builder, o, rank) if len(o.shape) > 1 else o for o in (first, second))
    operands, tensors, adjoint = (first, second), list[Tensor](), list[bool]()
    if any(not isinstance(operand, Value) and shapes.one_matrix(operand) is not None for operand in operands):
        return shapes.matmul(builder, first, second)
    if min(len(first.shape), len(second.shape)) < 2:
        raise UnsupportedError("a product of a vector")
    for operand in operands:
        plain, swapped = list(range(rank)), [*range(rank - 2), rank - 1, rank - 2]
        if isinstance(operand, Value):
            adjoint.append(_lies_turned(operand, plain, swapped))
            tensors.append(builder.stored(operand, swapped if adjoint[-1] else plain))
        else:
            adjoint.append(False)
            tensors.append(builder.constant(operand, "matrices"))
    output = builder.add(BatchMatMul(*adjoint), tensors)
    return builder.value(output, output.shape, range(len(output.shape)))


def _grown(builder: Builder, operand: Operand, rank: int) -> Operand:
    shape = padded_shape(operand.shape, rank)
    return builder.reshape(operand, shape) if isinstance(operand, Value) else operand.reshape(shape)


def _lies_turned(value: Value, plain: Sequence[int], swapped: Sequence[int]) -> bool:
    """Whether fewer elements move if the matrices stay turned, or as many, but in runs instead of one by one."""
    in_runs = not set(value.cut.order[-1:]).isdisjoint(value.cut.groups[plain[-2]])
    return (moved_elements(value, swapped), not in_runs) < (moved_elements(value, plain), in_runs)


def attention(
    builder: Builder, query: Value, key: Value, value: Value, scale: float | None, mask: Array | None
) -> Value:
    """softmax(query key^T scale + mask) value (arXiv 1706.03762, section 3.2.1)."""
    rank, depth = len(key.shape), query.shape[-1]
    turned = builder.transpose(key, [*range(rank - 2), rank - 1, rank - 2])
    factor = 1 / math.sqrt(depth) if scale is None else scale
    scores = matmul(builder, affine(builder, query, scalar(factor), scalar(0)), turned)
    if mask is not None:
        scores = binary(builder, Add(), scores, np.maximum(mask, _MASKED).astype(np.float32), "masked")
    return matmul(builder, shapes.softmax(builder, scores, -1), value)


def stack(builder: Builder, operands: Sequence[Operand], axis: int) -> Value:
    """Side by side along a new axis."""
    shape = operands[0].shape
    axis = shapes.axis_of(axis, (*shape, 1))
    grown = (*shape[:axis], 1, *shape[axis:])
    parts = [builder.reshape(o, grown) if isinstance(o, Value) else o.reshape(grown) for o in operands]
    return shapes.concat(builder, parts, axis)


def unstack(builder: Builder, value: Value, axis: int) -> list[Value]:
    """The parts along an axis, without it."""
    axis = shapes.axis_of(axis, value.shape)
    rest = (*value.shape[:axis], *value.shape[axis + 1 :])
    return [builder.reshape(part, rest) for part in shapes.split(builder, value, axis, (1,) * value.shape[axis])]
