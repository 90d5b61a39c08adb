"""How each ATen operator becomes ops of the Graph: one function per operator and one line in ROWS.

Both what torch.export gives and core ATen, into which run_decompositions takes it apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers import nchw_elementwise as elementwise
from tinyml.importers import nchw_norm as norm
from tinyml.importers import nchw_shape as shapes
from tinyml.importers import torch_norm
from tinyml.importers.nchw import Builder, Operand, Value
from tinyml.importers.torch_call import AtenCall
from tinyml.importers.torch_shape import (
    expand,
    expand_as,
    flatten,
    matrix_transpose,
    permute,
    squeeze,
    transpose,
    unflatten,
    unsqueeze,
    view,
)
from tinyml.importers.torch_window import (
    Row,
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    conv,
    conv_transpose,
    convolution,
    max_pool,
    upsample,
)
from tinyml.ir import Array, Op
from tinyml.ops import Abs, Add, Elementary, LeakyRelu, Logistic, Maximum, Minimum, Mul, Sub, Tanh
from tinyml.ops.broadcast import Broadcast

_FLOAT_TYPES = (6, 7, 8, 13)  # half, float, double, bfloat16 by their numbers in the file format


def _pointwise(op: Op) -> Row:
    def lower(builder: Builder, call: AtenCall) -> Sequence[Operand]:
        return [elementwise.pointwise(builder, call.value("self"), op)]

    return lower


def _unary(function: Callable[[Builder, Value], Value]) -> Row:
    def lower(builder: Builder, call: AtenCall) -> Sequence[Operand]:
        return [function(builder, call.value("self"))]

    return lower


def _binary(op: Broadcast, fold: Callable[[Array, Array], Array], flipped: bool = False) -> Row:
    """self op alpha * other; flipped: other op alpha * self."""

    def lower(builder: Builder, call: AtenCall) -> Sequence[Operand]:
        first, second = call.operand("self"), call.operand("other")
        alpha = call.real("alpha", 1.0)
        if flipped:
            first, second = second, first
        if alpha != 1:
            second = (
                elementwise.binary(builder, Mul(), second, elementwise.scalar(alpha), "scaled")
                if isinstance(second, Value)
                else second * np.float32(alpha)
            )
        if isinstance(first, Value) or isinstance(second, Value):
            return [elementwise.binary(builder, op, first, second)]
        return [fold(first, second)]

    return lower


def _div(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    if call.get("rounding_mode") is not None:
        raise UnsupportedError("a division that rounds")
    first, second = call.operand("self"), call.operand("other")
    if isinstance(first, Value) or isinstance(second, Value):
        return [norm.divide(builder, first, second)]
    return [first / second]


def _neg(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [elementwise.binary(builder, Mul(), call.value("self"), elementwise.scalar(-1))]


def _extreme(op: Maximum | Minimum) -> Row:
    def lower(builder: Builder, call: AtenCall) -> Sequence[Operand]:
        return [elementwise.extreme(builder, op, call.operand("self"), call.operand("other"))]

    return lower


def _clip(low: str | float | None, high: str | float | None, default: tuple[float, float] | None = None) -> Row:
    """Bounds: numbers, or names of arguments; default: what those are where they are left out."""

    def lower(builder: Builder, call: AtenCall) -> Sequence[Operand]:
        bounds = [call.number(bound) if isinstance(bound, str) else bound for bound in (low, high)]
        if default is not None:
            bounds = [usual if bound is None else bound for bound, usual in zip(bounds, default, strict=True)]
        return [elementwise.clip(builder, call.value("self"), *bounds)]

    return lower


def _leaky_relu(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [elementwise.pointwise(builder, call.value("self"), LeakyRelu(call.real("negative_slope", 0.01)))]


def _prelu(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value, slopes = call.value("self"), call.constant("weight").reshape(-1)
    return [elementwise.prelu(builder, value, slopes.reshape(-1, *(1,) * max(len(value.shape) - 2, 0)))]


def _batch_norm(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    if call.flag("training"):
        raise UnsupportedError("batch normalization in training mode; call model.eval() before the export")
    mean, variance = call.constant("running_mean"), call.constant("running_var")
    scale, bias = call.optional("weight"), call.optional("bias")
    scale = np.ones_like(mean) if scale is None else scale
    bias = np.zeros_like(mean) if bias is None else bias
    value = call.value("input")
    return [elementwise.batch_norm(builder, value, [scale, bias, mean, variance], call.real("eps", 1e-5))]


def _softmax(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [shapes.softmax(builder, call.value("self"), call.integer("dim"))]


def _linear(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [shapes.linear(builder, call.value("input"), call.constant("weight"), call.optional("bias"))]


def _addmm(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    if call.real("alpha", 1) != 1 or call.real("beta", 1) != 1:
        raise UnsupportedError("alpha or beta")
    weights, bias = call.constant("mat2").T, call.constant("self")
    vector = bias if bias.shape == (len(weights),) else None
    product = shapes.linear(builder, call.value("mat1"), weights, vector)
    return [product if vector is not None else elementwise.binary(builder, Add(), product, bias)]


def _matmul(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [norm.matmul(builder, call.operand("self"), call.operand("mat2" if call.get("other") is None else "other"))]


def _mean(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value = call.value("self")
    axes = call.ints("dim") or range(len(value.shape))
    return [shapes.mean(builder, value, axes, call.flag("keepdim"))]


def _sum(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value = call.value("self")
    axes = call.ints("dim") or range(len(value.shape))
    count = math.prod(value.shape[axis] for axis in shapes.axes_from(axes, value.shape))
    mean = shapes.mean(builder, value, axes, call.flag("keepdim"))
    return [elementwise.affine(builder, mean, elementwise.scalar(count), elementwise.scalar(0))]


def _cat(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    operands, axis = call.operand_list("tensors"), call.integer("dim", 0)
    if any(isinstance(operand, Value) for operand in operands):
        return [shapes.concat(builder, operands, axis)]
    arrays = [operand for operand in operands if not isinstance(operand, Value)]
    return [np.concatenate(arrays, axis)]


def _split(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    """Into parts of one size, the last one of what is left; or of stated sizes."""
    value = call.value("self")
    axis = shapes.axis_of(call.integer("dim", 0), value.shape)
    sizes = call.ints("split_sizes") or call.ints("split_size")
    if len(sizes) == 1:
        sizes = _parts(value.shape[axis], sizes[0])
    return shapes.split(builder, value, axis, sizes)


def _chunk(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value, count = call.value("self"), call.integer("chunks")
    axis = shapes.axis_of(call.integer("dim", 0), value.shape)
    return shapes.split(builder, value, axis, _parts(value.shape[axis], -(-value.shape[axis] // max(count, 1))))


def _parts(side: int, size: int) -> list[int]:
    if size < 1:
        raise ModelError(f"parts of {size}")
    return [min(size, side - start) for start in range(0, side, size)]


def _slice(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value = call.value("self")
    axis = shapes.axis_of(call.integer("dim", 0), value.shape)
    start, end = (None if call.get(name) is None else call.integer(name) for name in ("start", "end"))
    step = call.integer("step", 1)
    if step < 1:
        raise ModelError(f"a slice in steps of {step}")
    return [shapes.cut(builder, value, {axis: range(*slice(start, end, step).indices(value.shape[axis]))})]


def _select(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value = call.value("self")
    axis = shapes.axis_of(call.integer("dim"), value.shape)
    place = shapes.axis_of(call.integer("index"), (1,) * value.shape[axis])
    taken = shapes.cut(builder, value, {axis: range(place, place + 1)})
    return [builder.reshape(taken, (*value.shape[:axis], *value.shape[axis + 1 :]))]


def _pad(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value, pads = call.value("self"), call.ints("pad")
    mode = call.get("mode", "constant")
    if mode not in ("constant", "reflect"):
        raise UnsupportedError(f"padding of mode {mode!r}")
    if len(pads) % 2 or len(pads) > 2 * len(value.shape):
        raise ModelError(f"padding {pads} of {list(value.shape)}")
    sides = [(0, 0)] * len(value.shape)
    for at in range(len(pads) // 2):
        sides[-1 - at] = (pads[2 * at], pads[2 * at + 1])
    if mode == "reflect":
        return [shapes.mirrored(builder, value, sides)]
    return [shapes.pad(builder, value, sides, call.real("value", 0.0))]


def _shuffle(function: Callable[[Builder, Value, int], Value], argument: str) -> Row:
    def lower(builder: Builder, call: AtenCall) -> Sequence[Operand]:
        return [function(builder, call.value("self"), call.integer(argument))]

    return lower


def _pixel_shuffle(builder: Builder, value: Value, block: int) -> Value:
    if len(value.shape) != 4 or block < 1 or value.shape[1] % (block * block):
        raise ModelError(f"blocks of {block} in {list(value.shape)}")
    return shapes.depth_to_space(builder, value, block, depth_first=False)


def _identity(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [call.operand("input" if "input" in call.node.arguments else "self")]


def _dropout(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    if call.flag("train"):
        raise UnsupportedError("dropout in training mode; call model.eval() before the export")
    return [call.operand("input")]


def _cast(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    dtype = call.get("dtype")
    if dtype is not None and dtype not in _FLOAT_TYPES:
        raise UnsupportedError(f"a cast to type {dtype}; activations stay float32")
    return [call.operand("self")]


def _sym_size(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    shape = call.operand("self").shape
    return [np.array(shape[shapes.axis_of(call.integer("dim"), shape)], np.int64)]


_ROWS: dict[str, Row] = {
    "_adaptive_avg_pool2d": adaptive_average_pool,
    "_log_softmax": torch_norm.log_softmax,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "_softmax": _softmax,
    "_to_copy": _cast,
    "_unsafe_view": view,
    "_upsample_nearest_exact1d": upsample(bilinear=False, exact=True),
    "_upsample_nearest_exact2d": upsample(bilinear=False, exact=True),
    "abs": _pointwise(Abs()),
    "adaptive_avg_pool1d": adaptive_average_pool,
    "adaptive_avg_pool2d": adaptive_average_pool,
    "adaptive_max_pool2d": adaptive_max_pool,
    "add": _binary(Add(), np.add),
    "addmm": _addmm,
    "alias": _identity,
    "avg_pool1d": average_pool,
    "avg_pool2d": average_pool,
    "batch_norm": _batch_norm,
    "bmm": _matmul,
    "cat": _cat,
    "channel_shuffle": _shuffle(shapes.channel_shuffle, "groups"),
    "chunk": _chunk,
    "clamp": _clip("min", "max"),
    "clamp_max": _clip(None, "max"),
    "clamp_min": _clip("min", None),
    "clone": _identity,
    "concat": _cat,
    "constant_pad_nd": _pad,
    "contiguous": _identity,
    "conv1d": conv,
    "conv2d": conv,
    "conv_transpose1d": conv_transpose,
    "conv_transpose2d": conv_transpose,
    "convolution": convolution,
    "cos": _pointwise(Elementary("COS")),
    "detach": _identity,
    "div": _div,
    "dropout": _dropout,
    "elu": torch_norm.elu,
    "erf": _pointwise(norm.Erf()),
    "exp": _pointwise(Elementary("EXP")),
    "expand": expand,
    "expand_as": expand_as,
    "feature_dropout": _dropout,
    "flatten": flatten,
    "gelu": torch_norm.gelu,
    "group_norm": torch_norm.group_norm,
    "hardsigmoid": _unary(elementwise.hard_sigmoid),
    "hardswish": _unary(elementwise.hard_swish),
    "hardtanh": _clip("min_val", "max_val", (-1.0, 1.0)),
    "instance_norm": torch_norm.instance_norm,
    "layer_norm": torch_norm.layer_norm,
    "leaky_relu": _leaky_relu,
    "lift_fresh_copy": _identity,
    "linalg_vector_norm": torch_norm.vector_norm,
    "linear": _linear,
    "log": _pointwise(Elementary("LOG")),
    "log_softmax": torch_norm.log_softmax,
    "matmul": _matmul,
    "max_pool1d": max_pool,
    "max_pool2d": max_pool,
    "max_pool2d_with_indices": max_pool,
    "maximum": _extreme(Maximum()),
    "mean": _mean,
    "minimum": _extreme(Minimum()),
    "mish": _unary(norm.mish),
    "mm": _matmul,
    "mul": _binary(Mul(), np.multiply),
    "native_channel_shuffle": _shuffle(shapes.channel_shuffle, "groups"),
    "native_group_norm": torch_norm.group_norm,
    "native_layer_norm": torch_norm.layer_norm,
    "neg": _neg,
    "pad": _pad,
    "permute": permute,
    "pixel_shuffle": _shuffle(_pixel_shuffle, "upscale_factor"),
    "pow": torch_norm.power,
    "prelu": _prelu,
    "reciprocal": torch_norm.reciprocal,
    "relu": _clip(0.0, None),
    "relu6": _clip(0.0, 6.0),
    "reshape": view,
    "rsqrt": _unary(norm.reciprocal_root),
    "rsub": _binary(Sub(), np.subtract, flipped=True),
    "scaled_dot_product_attention": torch_norm.attention,
    "select": _select,
    "sigmoid": _pointwise(Logistic()),
    "silu": _unary(elementwise.silu),
    "sin": _pointwise(Elementary("SIN")),
    "slice": _slice,
    "softmax": _softmax,
    "softplus": torch_norm.softplus,
    "split": _split,
    "split_with_sizes": _split,
    "sqrt": _unary(norm.square_root),
    "squeeze": squeeze,
    "stack": torch_norm.stack,
    "sub": _binary(Sub(), np.subtract),
    "sum": _sum,
    "sym_size": _sym_size,
    "t": matrix_transpose,
    "tanh": _pointwise(Tanh()),
    "to": _cast,
    "transpose": transpose,
    "unbind": torch_norm.unbind,
    "unflatten": unflatten,
    "unsqueeze": unsqueeze,
    "upsample_bilinear2d": upsample(bilinear=True),
    "upsample_linear1d": upsample(bilinear=True),
    "upsample_nearest1d": upsample(bilinear=False),
    "upsample_nearest2d": upsample(bilinear=False),
    "view": view,
}


def row(kind: str) -> Row | None:
    """The function for "conv2d.default": overloads name their arguments alike; in place ("relu_") is no other op."""
    name = kind.split(".")[0]
    return _ROWS.get(name) or _ROWS.get(name.removesuffix("_"))
