"""ONNX operators on constants, computed offline: what exporters leave to work out shapes, and weights they reorder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.nchw_shape import axes_from, axis_of
from tinyml.importers.onnx_call import OnnxCall
from tinyml.importers.onnx_quantized import dequantized, quantized
from tinyml.ir import Array

MAX_ELEMENTS = 1 << 26  # of a constant made here

# element types of the format that constants are cast to
_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float32",
    11: "float32",
}
Fold = Callable[[OnnxCall], Sequence[Array]]


def _bounded(elements: int) -> None:
    if elements > MAX_ELEMENTS:
        raise UnsupportedError(f"a constant of {elements} elements")


def _one(call: OnnxCall, index: int = 0) -> Array:
    return call.constant(index, f"operand {index}")


def _binary(function: Callable[[Array, Array], Array]) -> Fold:
    def fold(call: OnnxCall) -> Sequence[Array]:
        first, second = _one(call), _one(call, 1)
        try:
            _bounded(math.prod(np.broadcast_shapes(first.shape, second.shape)))
            return [np.asarray(function(first, second))]
        except ValueError as error:
            raise ModelError(f"{list(first.shape)} and {list(second.shape)} do not broadcast") from error

    return fold


def _unary(function: Callable[[Array], Array]) -> Fold:
    def fold(call: OnnxCall) -> Sequence[Array]:
        data = _one(call)
        return [np.asarray(function(data)).astype(data.dtype)]

    return fold


def _divide(first: Array, second: Array) -> Array:
    if second.dtype.kind == "f":
        return np.asarray(first / second)
    if np.any(second == 0):
        raise ModelError("a division by 0")
    whole = np.sign(first) * np.sign(second) * (np.abs(first) // np.abs(second))
    return np.asarray(whole).astype(first.dtype)


def _modulo(first: Array, second: Array) -> Array:
    if np.any(second == 0):
        raise ModelError("a division by 0")
    return np.asarray(np.mod(first, second))


def _cast(call: OnnxCall) -> Sequence[Array]:
    target = _TYPES.get(call.integer("to", 0))
    if target is None:
        raise UnsupportedError(f"a cast to type {call.integer('to', 0)}")
    return [_one(call).astype(target)]


def _concat(call: OnnxCall) -> Sequence[Array]:
    parts = [_one(call, index) for index in range(len(call.inputs))]
    _bounded(sum(part.size for part in parts))
    if any(part.ndim != parts[0].ndim for part in parts):
        raise ModelError(f"shapes {[list(part.shape) for part in parts]}")
    axis = axis_of(call.integer("axis", 0), parts[0].shape)
    try:
        return [np.concatenate(parts, axis)]
    except ValueError as error:
        raise ModelError(f"shapes {[list(part.shape) for part in parts]} along axis {axis}") from error


def _gather(call: OnnxCall) -> Sequence[Array]:
    data, places = _one(call), _one(call, 1)
    axis = axis_of(call.integer("axis", 0), data.shape)
    side = data.shape[axis]
    _bounded(data.size // max(side, 1) * places.size)
    if places.dtype.kind not in "iu" or np.any((places < -side) | (places >= side)):
        raise ModelError(f"positions beyond an axis of {side}")
    return [np.take(data, places, axis)]


def shape_of(stated: Sequence[int], before: Sequence[int], zero_copies: bool = True) -> tuple[int, ...]:
    """A Reshape's target with 0 (the side as it was) and -1 (the rest) worked out."""
    sides = [before[at] if side == 0 and zero_copies and at < len(before) else side for at, side in enumerate(stated)]
    known = math.prod(side for side in sides if side != -1)
    if sides.count(-1) > 1 or any(side < -1 for side in sides) or (-1 in sides and known == 0):
        raise ModelError(f"a shape {list(stated)}")
    total = math.prod(before)
    shape = tuple(total // known if side == -1 else side for side in sides)
    if math.prod(shape) != total:
        raise ModelError(f"{list(before)} cannot become {list(stated)}")
    return shape


def squeezed(shape: Sequence[int], axes: Sequence[int] | None) -> tuple[int, ...]:
    dropped = [at for at, side in enumerate(shape) if side == 1] if axes is None else axes_from(axes, tuple(shape))
    if any(shape[axis] != 1 for axis in dropped):
        raise ModelError(f"axes {dropped} of {list(shape)} cannot be dropped")
    return tuple(side for axis, side in enumerate(shape) if axis not in dropped)


def unsqueezed(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    rank = len(shape) + len(axes)
    new = axes_from(axes, (1,) * rank)
    if len(new) != len(axes):
        raise ModelError(f"axes {list(axes)} repeat")
    rest = iter(shape)
    return tuple(1 if axis in new else next(rest) for axis in range(rank))


def slice_ranges(call: OnnxCall, shape: Sequence[int]) -> dict[int, range]:
    """The positions that a Slice takes, per axis it names."""
    if call.opset < 10 and not call.has(1):
        starts, ends = call.ints("starts") or [], call.ints("ends") or []
        axes, steps = call.ints("axes"), [1] * len(starts)
    else:
        starts, ends = call.integers(1, "starts"), call.integers(2, "ends")
        axes = call.integers(3, "axes") if call.has(3) else None
        steps = call.integers(4, "steps") if call.has(4) else [1] * len(starts)
    axes = list(range(len(starts))) if axes is None else axes
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise ModelError(f"a slice from {starts} to {ends} of axes {axes} in steps of {steps}")
    taken = {}
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis = axis_of(axis, tuple(shape))
        taken[axis] = range(*slice(start, end, step).indices(shape[axis]))
        if end < -shape[axis] and step < 0:
            taken[axis] = range(taken[axis].start, -1, step)
    return taken


def _slice(call: OnnxCall) -> Sequence[Array]:
    data = _one(call)
    for axis, span in slice_ranges(call, data.shape).items():
        data = np.take(data, list(span), axis)
    return [data]


def _reshape(call: OnnxCall) -> Sequence[Array]:
    data = _one(call)
    return [data.reshape(shape_of(call.integers(1, "shape"), data.shape, not call.integer("allowzero", 0)))]


def _transpose(call: OnnxCall) -> Sequence[Array]:
    data = _one(call)
    order = call.ints("perm") or list(range(data.ndim))[::-1]
    if sorted(order) != list(range(data.ndim)):
        raise ModelError(f"{order} is no permutation of the axes of {list(data.shape)}")
    return [data.transpose(order)]


def _squeeze(call: OnnxCall) -> Sequence[Array]:
    data = _one(call)
    return [data.reshape(squeezed(data.shape, call.axes(1)))]


def _unsqueeze(call: OnnxCall) -> Sequence[Array]:
    data = _one(call)
    return [data.reshape(unsqueezed(data.shape, call.axes(1) or []))]


def _flatten(call: OnnxCall) -> Sequence[Array]:
    data = _one(call)
    axis = call.integer("axis", 1)
    return [data.reshape(math.prod(data.shape[:axis]), -1)]


def _expand(call: OnnxCall) -> Sequence[Array]:
    data, shape = _one(call), call.integers(1, "shape")
    try:
        shape = list(np.broadcast_shapes(data.shape, tuple(shape)))
    except ValueError as error:
        raise ModelError(f"{list(data.shape)} does not expand to {shape}") from error
    _bounded(math.prod(shape))
    return [np.broadcast_to(data, shape)]


def _constant_of_shape(call: OnnxCall) -> Sequence[Array]:
    shape = call.integers(0, "shape")
    if min(shape, default=0) < 0:
        raise ModelError(f"a constant of shape {shape}")
    _bounded(math.prod(shape))
    value = call.node.attributes.get("value", np.zeros(1, np.float32))
    if not isinstance(value, np.ndarray) or value.size != 1:
        raise ModelError("its value is not one number")
    return [np.full(shape, value.reshape(-1)[0])]


def _constant(call: OnnxCall) -> Sequence[Array]:
    attributes = call.node.attributes
    if isinstance(attributes.get("value"), np.ndarray):
        return [attributes["value"]]
    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64)):
        if name in attributes:
            return [np.array(attributes[name], dtype)]
    if "value_ints" in attributes:
        return [np.array(attributes["value_ints"], np.int64)]
    raise UnsupportedError(f"a constant given as {', '.join(attributes) or 'nothing'}")


def _range(call: OnnxCall) -> Sequence[Array]:
    start, limit, delta = (call.number(index, "bound") or 0.0 for index in range(3))
    if delta == 0 or not math.isfinite((limit - start) / delta):
        raise ModelError(f"a range from {start} to {limit} in steps of {delta}")
    _bounded(int(max((limit - start) / delta, 0)))
    return [np.arange(start, limit, delta).astype(_one(call).dtype)]


def _where(call: OnnxCall) -> Sequence[Array]:
    shapes = [_one(call, index).shape for index in range(3)]
    try:
        _bounded(math.prod(np.broadcast_shapes(*shapes)))
    except ValueError as error:
        raise ModelError(f"{shapes} do not broadcast") from error
    return [np.where(_one(call).astype(bool), _one(call, 1), _one(call, 2))]


def _identity(call: OnnxCall) -> Sequence[Array]:
    return [_one(call)]


def _shape(call: OnnxCall) -> Sequence[Array]:
    shape = call.operand(0).shape
    start, end = call.integer("start", 0), call.integer("end", len(shape))
    return [np.array(shape[slice(start, end)], np.int64)]


def _size(call: OnnxCall) -> Sequence[Array]:
    return [np.array(math.prod(call.operand(0).shape), np.int64)]


def _reduce_product(call: OnnxCall) -> Sequence[Array]:
    data = _one(call)
    axes = call.axes(1)
    reduced = tuple(range(data.ndim)) if axes is None else tuple(axes_from(axes, data.shape))
    return [np.asarray(data.prod(axis=reduced, keepdims=bool(call.integer("keepdims", 1)))).astype(data.dtype)]


FOLDS: dict[str, Fold] = {
    "Abs": _unary(np.abs),
    "Add": _binary(np.add),
    "Cast": _cast,
    "Ceil": _unary(np.ceil),
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "DequantizeLinear": dequantized,
    "Div": _binary(_divide),
    "Equal": _binary(np.equal),
    "Exp": _unary(np.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _unary(np.floor),
    "Gather": _gather,
    "Identity": _identity,
    "Max": _binary(np.maximum),
    "Greater": _binary(np.greater),
    "Less": _binary(np.less),
    "Min": _binary(np.minimum),
    "Mod": _binary(_modulo),
    "Mul": _binary(np.multiply),
    "Neg": _unary(np.negative),
    "Not": _unary(np.logical_not),
    "Pow": _binary(np.power),
    "QuantizeLinear": quantized,
    "Range": _range,
    "Reciprocal": _unary(np.reciprocal),
    "ReduceProd": _reduce_product,
    "Reshape": _reshape,
    "Slice": _slice,
    "Sqrt": _unary(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _binary(np.subtract),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": _where,
}
# known without the operand's values
SHAPE_FOLDS: dict[str, Fold] = {"Shape": _shape, "Size": _size}
