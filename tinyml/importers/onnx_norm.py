"""ONNX operators that transformers are made of: activations, roots, normalization."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyml.errors import UnsupportedError
from tinyml.importers import nchw_elementwise as elementwise
from tinyml.importers import nchw_norm as norm
from tinyml.importers import nchw_shape as shapes
from tinyml.importers.nchw import Builder, Operand
from tinyml.importers.onnx_call import OnnxCall
from tinyml.ops import Elu, Gelu, L2Normalization, LogSoftmax


def power(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [norm.power(builder, call.value(0), call.number(1, "exponent"))]


def square_root(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [norm.square_root(builder, call.value(0))]


def reciprocal(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [norm.divide(builder, elementwise.scalar(1), call.value(0))]


def log_softmax(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    axis = shapes.axis_of(call.integer("axis", -1 if call.opset >= 13 else 1), value.shape)
    if call.opset < 13 and math.prod(value.shape[axis + 1 :]) != 1:
        raise UnsupportedError("a LogSoftmax over several axes")
    return [shapes.softmax(builder, value, axis, LogSoftmax())]


def elu(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    if call.real("alpha", 1.0) != 1:
        raise UnsupportedError(f"an alpha of {call.real('alpha', 1.0)}; 1 is supported")
    return [elementwise.pointwise(builder, call.value(0), Elu())]


def gelu(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    call.require("approximate", "none", "tanh")
    return [elementwise.pointwise(builder, call.value(0), Gelu(call.text("approximate", "none") == "tanh"))]


def layer_normalization(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    count = len(value.shape) - shapes.axis_of(call.integer("axis", -1), value.shape)
    scale, offset = call.constant(1, "scale"), call.optional(2, "offset")
    return [norm.layer_norm(builder, value, count, call.real("epsilon", 1e-5), scale, offset)]


def instance_normalization(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value, scale, offset = call.value(0), call.constant(1, "scale"), call.constant(2, "offset")
    return [norm.group_norm(builder, value, value.shape[1], call.real("epsilon", 1e-5), scale, offset)]


def lp_normalization(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    call.require("p", 2)
    return [shapes.softmax(builder, call.value(0), call.integer("axis", -1), L2Normalization())]
