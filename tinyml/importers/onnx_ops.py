"""How each ONNX operator becomes ops of the Graph: one function per operator and one line in ROWS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers import nchw_elementwise as elementwise
from tinyml.importers import nchw_norm as norm
from tinyml.importers import nchw_shape as shapes
from tinyml.importers import onnx_norm
from tinyml.importers.nchw import Builder, Operand, Value
from tinyml.importers.onnx_call import OnnxCall
from tinyml.importers.onnx_constants import shape_of, slice_ranges, squeezed, unsqueezed
from tinyml.importers.onnx_quantized import dequantize, quantize
from tinyml.importers.onnx_window import (
    average_pool,
    conv,
    conv_transpose,
    global_average_pool,
    global_max_pool,
    max_pool,
    resize,
    upsample,
)
from tinyml.ir import Array, Op
from tinyml.ops import (
    Abs,
    Add,
    Elementary,
    HardSwish,
    LeakyRelu,
    Logistic,
    Maximum,
    Minimum,
    Mul,
    Sub,
    Tanh,
)
from tinyml.ops.broadcast import Broadcast
from tinyml.ops.elementary import SOFTPLUS

Row = Callable[[Builder, OnnxCall], Sequence[Operand]]


def _pointwise(op: Op) -> Row:
    def lower(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
        return [elementwise.pointwise(builder, call.value(0), op)]

    return lower


def _binary(op: Broadcast) -> Row:
    def lower(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
        return [elementwise.binary(builder, op, call.operand(0), call.operand(1))]

    return lower


def _sum(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    total = call.operand(0)
    for index in range(1, len(call.inputs)):
        other = call.operand(index)
        if isinstance(total, Value) or isinstance(other, Value):
            total = elementwise.binary(builder, Add(), total, other)
        else:
            total = np.add(total, other)
    return [total]


def _div(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [norm.divide(builder, call.operand(0), call.operand(1))]


def _neg(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [elementwise.binary(builder, Mul(), call.value(0), elementwise.scalar(-1))]


def _relu(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [elementwise.clip(builder, call.value(0), 0.0, None)]


def _clip(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    low, high = call.number(1, "min"), call.number(2, "max")
    if call.opset < 11:
        low, high = (call.real(name, default) for name, default in (("min", -3.4028235e38), ("max", 3.4028235e38)))
    return [elementwise.clip(builder, call.value(0), low, high)]


def _extreme(op: Maximum | Minimum) -> Row:
    """Max and Min: with one number a clamp."""

    def lower(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
        found = call.operand(0)
        for index in range(1, len(call.inputs)):
            found = elementwise.extreme(builder, op, found, call.operand(index))
        return [found]

    return lower


def _leaky_relu(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [elementwise.pointwise(builder, call.value(0), LeakyRelu(call.real("alpha", 0.01)))]


def _prelu(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [elementwise.prelu(builder, call.value(0), call.constant(1, "slopes"))]


def _hard_sigmoid(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    alpha, beta = call.real("alpha", 0.2), call.real("beta", 0.5)
    return [elementwise.hard_sigmoid(builder, call.value(0), alpha, beta)]


def _batch_normalization(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    call.require("training_mode", 0)
    parameters = [call.constant(index, "parameters") for index in range(1, 5)]
    return [elementwise.batch_norm(builder, call.value(0), parameters, call.real("epsilon", 1e-5))]


def _softmax(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    axis = shapes.axis_of(call.integer("axis", -1 if call.opset >= 13 else 1), value.shape)
    if call.opset < 13 and math.prod(value.shape[axis + 1 :]) != 1:
        # older versions normalize over all axes from this one on
        flat = builder.reshape(value, (*value.shape[:axis], math.prod(value.shape[axis:])))
        return [builder.reshape(shapes.softmax(builder, flat, axis), value.shape)]
    return [shapes.softmax(builder, value, axis)]


def _gemm(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value, weights = call.value(0), call.constant(1, "weights")
    if len(value.shape) != 2 or weights.ndim != 2:
        raise ModelError(f"operands of {list(value.shape)} and {list(weights.shape)}")
    value = builder.transpose(value, (1, 0)) if call.integer("transA", 0) else value
    weights = weights if call.integer("transB", 0) else weights.T
    weights = weights * np.float32(call.real("alpha", 1.0))
    bias = call.optional(2, "bias")
    if bias is None:
        return [shapes.linear(builder, value, weights, None)]
    bias = bias * np.float32(call.real("beta", 1.0))
    if bias.size in (1, len(weights)) and bias.shape[-1:] in ((), (1,), (len(weights),)):
        vector = np.broadcast_to(bias.reshape(-1), (len(weights),), subok=True)
        return [shapes.linear(builder, value, weights, vector)]
    return [elementwise.binary(builder, Add(), shapes.linear(builder, value, weights, None), bias)]


def _matmul(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [norm.matmul(builder, call.operand(0), call.operand(1))]


def _reduce_mean(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    axes = _reduced(call, value)
    return [shapes.mean(builder, value, axes, bool(call.integer("keepdims", 1)))] if axes else [value]


def _reduce_sum(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    axes = _reduced(call, value)
    if not axes:
        return [value]
    count = math.prod(value.shape[axis] for axis in shapes.axes_from(axes, value.shape))
    mean = shapes.mean(builder, value, axes, bool(call.integer("keepdims", 1)))
    return [elementwise.affine(builder, mean, elementwise.scalar(count), elementwise.scalar(0))]


def _reduced(call: OnnxCall, value: Value) -> list[int]:
    axes = call.axes(1)
    if axes:
        return axes
    return [] if call.integer("noop_with_empty_axes", 0) else list(range(len(value.shape)))


def _concat(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    operands = [call.operand(index) for index in range(len(call.inputs))]
    return [shapes.concat(builder, operands, call.integer("axis", 1))]


def _split(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    axis = shapes.axis_of(call.integer("axis", 0), value.shape)
    sizes = call.integers(1, "parts") if call.has(1) else call.ints("split")
    if sizes is None:
        count = call.integer("num_outputs", len(call.node.outputs))
        if not 1 <= count <= value.shape[axis]:
            raise ModelError(f"{count} parts of an axis of {value.shape[axis]}")
        part = -(-value.shape[axis] // count)
        sizes = [part] * (count - 1) + [value.shape[axis] - part * (count - 1)]
    return shapes.split(builder, value, axis, sizes)


def _slice(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    return [shapes.cut(builder, value, slice_ranges(call, value.shape))]


def _gather(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    """Of constant positions: slices side by side."""
    value, places = call.value(0), call.constant(1, "positions")
    axis = shapes.axis_of(call.integer("axis", 0), value.shape)
    side = value.shape[axis]
    flat = [int(place) % side if -side <= place < side else side for place in places.reshape(-1)]
    if places.dtype.kind not in "iu" or not flat or side in flat:
        raise ModelError(f"positions beyond an axis of {side}")
    taken = shapes.picked(builder, value, axis, shapes.evenly_spaced(flat))
    return [builder.reshape(taken, (*value.shape[:axis], *places.shape, *value.shape[axis + 1 :]))]


def _pad(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    call.require("mode", "constant", "reflect")
    pads = call.ints("pads") if call.opset < 11 else call.integers(1, "pads")
    fill = call.real("value", 0.0) if call.opset < 11 else call.number(2, "value")
    rank = len(value.shape)
    axes = [shapes.axis_of(axis, value.shape) for axis in (call.integers(3, "axes") if call.has(3) else range(rank))]
    if pads is None or len(pads) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise ModelError(f"padding {pads} of axes {axes}")
    sides = [(0, 0)] * rank
    for at, axis in enumerate(axes):
        sides[axis] = (pads[at], pads[at + len(axes)])
    if call.text("mode", "constant") == "reflect":
        return [shapes.mirrored(builder, value, sides)]
    return [shapes.pad(builder, value, sides, fill or 0.0)]


def _reshape(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    return [builder.reshape(value, shape_of(call.integers(1, "shape"), value.shape, not call.integer("allowzero", 0)))]


def _flatten(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    axis = call.integer("axis", 1)
    if not -len(value.shape) <= axis <= len(value.shape):
        raise ModelError(f"axis {axis} of {list(value.shape)}")
    axis = axis if axis >= 0 else axis + len(value.shape)
    return [builder.reshape(value, (math.prod(value.shape[:axis]), math.prod(value.shape[axis:])))]


def _squeeze(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    return [builder.reshape(value, squeezed(value.shape, call.axes(1)))]


def _unsqueeze(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    return [builder.reshape(value, unsqueezed(value.shape, call.axes(1) or []))]


def _transpose(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    return [builder.transpose(value, call.ints("perm") or list(range(len(value.shape)))[::-1])]


def _expand(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value, shape = call.value(0), tuple(call.integers(1, "shape"))
    if _broadcasts_to(value.shape, shape) != value.shape:
        raise UnsupportedError(f"an Expand of {list(value.shape)} to {list(shape)}")
    return [builder.reshape(value, _broadcasts_to(value.shape, shape))]


def _broadcasts_to(shape: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return tuple(map(int, np.broadcast_shapes(shape, other)))
    except ValueError as error:
        raise ModelError(f"{list(shape)} does not expand to {list(other)}") from error


def _cast(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    if call.integer("to", 1) not in (1, 10, 11, 16):
        raise UnsupportedError(f"a cast of an activation to type {call.integer('to', 1)}; it stays float32")
    return [call.value(0)]


def _identity(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [call.value(0)]


def _dropout(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    training: Array | None = call.optional(2, "training mode")
    if training is not None and np.any(training):
        raise UnsupportedError("a Dropout in training mode")
    return [call.value(0)]


def _depth_to_space(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value, block = call.value(0), call.integer("blocksize", 1)
    call.require("mode", "DCR", "CRD")
    if len(value.shape) != 4 or block < 1 or value.shape[1] % (block * block):
        raise ModelError(f"blocks of {block} in {list(value.shape)}")
    depth_first = call.text("mode", "DCR") == "DCR"
    return [shapes.depth_to_space(builder, value, block, depth_first)]


ROWS: dict[str, Row] = {
    "Abs": _pointwise(Abs()),
    "Add": _binary(Add()),
    "AveragePool": average_pool,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Cos": _pointwise(Elementary("COS")),
    "DepthToSpace": _depth_to_space,
    "DequantizeLinear": dequantize,
    "Div": _div,
    "Dropout": _dropout,
    "Elu": onnx_norm.elu,
    "Erf": _pointwise(norm.Erf()),
    "Exp": _pointwise(Elementary("EXP")),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": onnx_norm.gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _pointwise(HardSwish()),
    "Identity": _identity,
    "InstanceNormalization": onnx_norm.instance_normalization,
    "LayerNormalization": onnx_norm.layer_normalization,
    "LeakyRelu": _leaky_relu,
    "Log": _pointwise(Elementary("LOG")),
    "LogSoftmax": onnx_norm.log_softmax,
    "LpNormalization": onnx_norm.lp_normalization,
    "MatMul": _matmul,
    "Max": _extreme(Maximum()),
    "MaxPool": max_pool,
    "Min": _extreme(Minimum()),
    "Mul": _binary(Mul()),
    "Neg": _neg,
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": onnx_norm.power,
    "QuantizeLinear": quantize,
    "Reciprocal": onnx_norm.reciprocal,
    "ReduceMean": _reduce_mean,
    "ReduceSum": _reduce_sum,
    "Relu": _relu,
    "Reshape": _reshape,
    "Resize": resize,
    "Sigmoid": _pointwise(Logistic()),
    "Sin": _pointwise(Elementary("SIN")),
    "Slice": _slice,
    "Softmax": _softmax,
    "Softplus": _pointwise(Elementary(SOFTPLUS)),
    "Split": _split,
    "Sqrt": onnx_norm.square_root,
    "Squeeze": _squeeze,
    "Sub": _binary(Sub()),
    "Sum": _sum,
    "Tanh": _pointwise(Tanh()),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Upsample": upsample,
}
