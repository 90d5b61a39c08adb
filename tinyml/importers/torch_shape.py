"""ATen operators that only change the stated shape or the order of axes: of values and of constants alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers import nchw_shape as shapes
from tinyml.importers.nchw import Builder, Operand, Value
from tinyml.importers.torch_call import AtenCall

MAX_CONSTANT = 1 << 26  # elements


def _reshaped(builder: Builder, operand: Operand, shape: Sequence[int]) -> Sequence[Operand]:
    total, known = math.prod(operand.shape), math.prod(side for side in shape if side != -1)
    if list(shape).count(-1) > 1 or min(shape, default=1) < -1 or (-1 in shape and (not known or total % known)):
        raise ModelError(f"{list(operand.shape)} cannot become {list(shape)}")
    full = tuple(total // known if side == -1 else side for side in shape)
    if math.prod(full) != total:
        raise ModelError(f"{list(operand.shape)} cannot become {list(shape)}")
    return [builder.reshape(operand, full) if isinstance(operand, Value) else operand.reshape(full)]


def view(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return _reshaped(builder, call.operand("self"), call.ints("size" if call.get("shape") is None else "shape"))


def flatten(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand = call.operand("self")
    shape = operand.shape or (1,)
    first, last = (shapes.axis_of(call.integer(n, d), shape) for n, d in (("start_dim", 0), ("end_dim", -1)))
    joined = math.prod(shape[first : last + 1])
    return _reshaped(builder, operand, (*shape[:first], joined, *shape[last + 1 :]))


def unflatten(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand = call.operand("self")
    axis = shapes.axis_of(call.integer("dim"), operand.shape)
    sizes = call.ints("sizes")
    return _reshaped(builder, operand, (*operand.shape[:axis], *sizes, *operand.shape[axis + 1 :]))


def squeeze(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand = call.operand("self")
    axes = call.ints("dim") if call.get("dim") is not None else list(range(len(operand.shape)))
    dropped = [axis for axis in shapes.axes_from(axes, operand.shape) if operand.shape[axis] == 1]
    return _reshaped(builder, operand, [side for axis, side in enumerate(operand.shape) if axis not in dropped])


def unsqueeze(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand = call.operand("self")
    axis = shapes.axis_of(call.integer("dim"), (1, *operand.shape))
    return _reshaped(builder, operand, (*operand.shape[:axis], 1, *operand.shape[axis:]))


def _permuted(builder: Builder, operand: Operand, order: Sequence[int]) -> Sequence[Operand]:
    axes = [shapes.axis_of(axis, operand.shape) for axis in order]
    if sorted(axes) != list(range(len(operand.shape))):
        raise ModelError(f"{list(order)} is no permutation of the axes of {list(operand.shape)}")
    return [builder.transpose(operand, axes) if isinstance(operand, Value) else operand.transpose(axes)]


def permute(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return _permuted(builder, call.operand("self"), call.ints("dims"))


def transpose(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand = call.operand("self")
    first, second = (shapes.axis_of(call.integer(name), operand.shape) for name in ("dim0", "dim1"))
    order = list(range(len(operand.shape)))
    order[first], order[second] = second, first
    return _permuted(builder, operand, order)


def matrix_transpose(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand = call.operand("self")
    return _permuted(builder, operand, list(range(len(operand.shape)))[::-1])


def expand(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand, sizes = call.operand("self"), call.ints("size")
    if not isinstance(operand, Value):
        return [np.broadcast_to(operand, _expanded(operand.shape, sizes))]
    if operand.tensor in builder.lengths:
        return [operand]  # what it is to divide stretches it
    before = (*(1,) * (len(sizes) - len(operand.shape)), *operand.shape)
    shape = [old if new == -1 else new for old, new in zip(before, sizes, strict=False)]
    if len(before) != len(sizes) or list(before) != shape:
        raise UnsupportedError(f"an expansion of {list(operand.shape)} to {sizes}")
    return _reshaped(builder, operand, shape)


def expand_as(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operand = call.value("self")
    if operand.tensor not in builder.lengths and operand.shape != call.operand("other").shape:
        raise UnsupportedError(f"an expansion of {list(operand.shape)} to {list(call.operand('other').shape)}")
    return [operand]


def _expanded(shape: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """A constant's shape; -1 keeps a side."""
    before = [1] * (len(sizes) - len(shape)) + list(shape)
    after = [old if new == -1 else new for old, new in zip(before, sizes, strict=True)]
    if min(after, default=1) < 0 or math.prod(after) > MAX_CONSTANT:
        raise UnsupportedError(f"an expansion of {list(shape)} to {list(sizes)}")
    return after
