"""ATen operators that transformers are made of: activations, roots, normalization, attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.importers import nchw_elementwise as elementwise
from tinyml.importers import nchw_norm as norm
from tinyml.importers import nchw_shape as shapes
from tinyml.importers.nchw import Builder, Operand
from tinyml.importers.torch_call import AtenCall
from tinyml.ops import Elementary, Elu, Gelu, LogSoftmax
from tinyml.ops.elementary import SOFTPLUS


def elu(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    numbers = [call.real(name, 1.0) for name in ("alpha", "scale", "input_scale")]
    if numbers != [1, 1, 1]:
        raise UnsupportedError(f"an alpha and scales of {numbers}; 1 is supported")
    return [elementwise.pointwise(builder, call.value("self"), Elu())]


def gelu(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [elementwise.pointwise(builder, call.value("self"), Gelu(call.get("approximate", "none") == "tanh"))]


def layer_norm(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    count, epsilon = len(call.ints("normalized_shape")), call.real("eps", 1e-5)
    return [
        norm.layer_norm(builder, call.value("input"), count, epsilon, call.optional("weight"), call.optional("bias"))
    ]


def group_norm(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    groups = call.integer("group" if call.get("num_groups") is None else "num_groups")
    epsilon = call.real("eps", 1e-5)
    return [
        norm.group_norm(builder, call.value("input"), groups, epsilon, call.optional("weight"), call.optional("bias"))
    ]


def instance_norm(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value = call.value("input")
    if not call.flag("use_input_stats"):
        raise UnsupportedError("instance normalization by running statistics")
    scale, offset = call.optional("weight"), call.optional("bias")
    return [norm.group_norm(builder, value, value.shape[1], call.real("eps", 1e-5), scale, offset)]


def attention(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    if call.real("dropout_p", 0.0) or call.flag("enable_gqa"):
        raise UnsupportedError("attention with dropout or groups of queries")
    query, key, value = (call.value(name) for name in ("query", "key", "value"))
    mask = call.optional("attn_mask")
    if call.flag("is_causal"):
        mask = np.tril(np.ones((query.shape[-2], key.shape[-2]), bool))
    if mask is not None and mask.dtype == bool:
        mask = np.where(mask, 0, -np.inf)
    return [norm.attention(builder, query, key, value, call.number("scale"), mask)]


def stack(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [norm.stack(builder, call.operand_list("tensors"), call.integer("dim", 0))]


def unbind(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return norm.unstack(builder, call.value("self"), call.integer("dim", 0))


def reciprocal(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [norm.divide(builder, elementwise.scalar(1), call.value("self"))]


def power(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [norm.power(builder, call.value("self"), call.number("exponent"))]


def log_softmax(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [shapes.softmax(builder, call.value("self"), call.integer("dim"), LogSoftmax())]


def softplus(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    if call.real("beta", 1.0) != 1:
        raise UnsupportedError(f"a beta of {call.real('beta', 1.0)}; 1 is supported")
    return [elementwise.pointwise(builder, call.value("self"), Elementary(SOFTPLUS))]


def vector_norm(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    axes = call.ints("dim")
    if call.real("ord", 2) != 2 or len(axes) != 1 or not call.flag("keepdim"):
        raise UnsupportedError("a norm other than that of vectors along one axis, which stays")
    return [norm.length(builder, call.value("self"), axes[0])]
