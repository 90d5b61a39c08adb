"""How each op is written to an ONNX file: one function per op and one line in ROWS, of opset OPSET.

A row appends the float operator of a node, its fused activation included, and returns the names of what it computes,
stated channels first. The quantizers around it are not its business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.exporters.onnx_functions import (
    batch_matmul,
    elementary,
    gelu,
    l2_normalization,
    log_softmax,
    rsqrt,
    squared_difference,
)
from tinyml.exporters.onnx_writer import Attribute, OnnxWriter, stated_axis, stated_sides
from tinyml.ir import Activation, Node, Op, Padding, Quant, Tensor
from tinyml.ops import (
    Abs,
    Add,
    AveragePool2D,
    BatchMatMul,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Elementary,
    Elu,
    FullyConnected,
    Gelu,
    HardSwish,
    L2Normalization,
    LeakyRelu,
    Logistic,
    LogSoftmax,
    Maximum,
    MaxPool2D,
    Mean,
    Minimum,
    Mul,
    Pad,
    Prelu,
    Quantize,
    Relu,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Rsqrt,
    Softmax,
    Split,
    SquaredDifference,
    StridedSlice,
    Sub,
    Tanh,
    Transpose,
    TransposeConv,
)

OPSET = 17

Row = Callable[[Any, Node, OnnxWriter], Sequence[str]]  # (op, node, model): the outputs before their quantizers


def _conv2d(op: Conv2D, node: Node, model: OnnxWriter) -> Sequence[str]:
    image, weights, *_ = node.inputs
    filters = _weights(node, model, (0, 3, 1, 2), 0)
    return _convolved("Conv", op, node, model, filters, group=image.shape[3] // weights.shape[3])


def _depthwise_conv2d(op: DepthwiseConv2D, node: Node, model: OnnxWriter) -> Sequence[str]:
    filters = _weights(node, model, (3, 0, 1, 2), 0)
    return _convolved("Conv", op, node, model, filters, group=node.inputs[0].shape[3])


def _convolved(
    kind: str, op: Conv2D | DepthwiseConv2D, node: Node, model: OnnxWriter, filters: str, group: int
) -> Sequence[str]:
    computed = model.node(
        kind,
        [model.real[node.inputs[0]], filters, *_bias(node, model)],
        f"{node.name}/conv",
        kernel_shape=node.inputs[1].shape[1:3],
        strides=(op.stride_h, op.stride_w),
        dilations=(op.dilation_h, op.dilation_w),
        pads=_pads(op.padding),
        group=group,
    )
    return [_activated(op.activation, computed, model)]


def _transpose_conv(op: TransposeConv, node: Node, model: OnnxWriter) -> Sequence[str]:
    weights = node.inputs[1]
    # rows that no tap reaches are taps of 0: ONNX Runtime allows fewer of them as output_padding than TFLite does
    more = (max(0, -op.padding.bottom), max(0, -op.padding.right))
    codes = np.pad(weights.values, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)))
    filters = model.dequantized(weights.name, codes.transpose(3, 0, 1, 2), weights.affine, _along(weights, 1))
    computed = model.node(
        "ConvTranspose",
        [model.real[node.inputs[0]], filters, *_bias(node, model)],
        f"{node.name}/conv",
        kernel_shape=codes.shape[1:3],
        strides=(op.stride_h, op.stride_w),
        pads=[max(0, side) for side in _pads(op.padding)],
    )
    return [_activated(op.activation, computed, model)]


def _fully_connected(op: FullyConnected, node: Node, model: OnnxWriter) -> Sequence[str]:
    source, weights, *_ = node.inputs
    flat = (source.size // weights.shape[1], weights.shape[1])
    features = model.plain(source)
    features = features if source.shape == flat else model.reshaped(features, flat)
    matrix = model.dequantized(weights.name, weights.values, weights.affine, _along(weights, 0))
    dense = model.node("Gemm", [features, matrix, *_bias(node, model)], f"{node.name}/gemm", transB=1)
    computed = _activated(op.activation, dense, model)
    shape = node.output.shape
    return [computed if len(shape) == 2 else model.stated(model.reshaped(computed, shape), shape)]


def _weights(node: Node, model: OnnxWriter, permutation: Sequence[int], axis: int) -> str:
    """Filters with their axes in another order, of which `axis` runs along the output channels."""
    weights = node.inputs[1]
    codes = weights.values.transpose(permutation)
    return model.dequantized(weights.name, codes, weights.affine, _along(weights, axis))


def _along(weights: Tensor, axis: int) -> int | None:
    return axis if len(weights.affine.scales) > 1 else None


def _bias(node: Node, model: OnnxWriter) -> list[str]:
    """In steps of input scale times weight scale, as TFLite counts it."""
    source, weights, *bias = node.inputs
    if not bias:
        return []
    (tensor,) = bias
    steps = tuple(float(np.float32(source.affine.scale * scale)) for scale in weights.affine.scales)
    quant = Quant(steps, (0,) * len(steps))
    return [model.dequantized(tensor.name, tensor.values, quant, 0 if len(steps) > 1 else None)]


def _pads(padding: Padding) -> list[int]:
    return [padding.top, padding.left, padding.bottom, padding.right]


def _activated(activation: Activation, name: str, model: OnnxWriter) -> str:
    low, high = activation.bounds
    if activation is Activation.NONE:
        return name
    if high is None:
        return model.node("Relu", [name], f"{name}/relu")
    bounds = [model.constant(f"{name}/{role}", np.float32(bound)) for role, bound in (("low", low), ("high", high))]
    return model.node("Clip", [name, *bounds], f"{name}/clip")


def _pool(kind: str) -> Row:
    def row(op: AveragePool2D | MaxPool2D, node: Node, model: OnnxWriter) -> Sequence[str]:
        computed = model.node(
            kind,
            [model.real[node.inputs[0]]],
            f"{node.name}/pool",
            kernel_shape=(op.kernel_h, op.kernel_w),
            strides=(op.stride_h, op.stride_w),
            pads=_pads(op.padding),
        )
        return [_activated(op.activation, computed, model)]

    return row


def _mean(op: Mean, node: Node, model: OnnxWriter) -> Sequence[str]:
    (source,) = node.inputs
    axes, rank = op.reduced(source.shape), len(source.shape)
    if op.keep_dims:
        stated = [stated_axis(axis, rank) for axis in axes]
        return [model.node("ReduceMean", [model.real[source]], f"{node.name}/mean", axes=stated, keepdims=1)]
    mean = model.node("ReduceMean", [model.plain(source)], f"{node.name}/mean", axes=list(axes), keepdims=0)
    return [model.stated(mean, node.output.shape)]


def _pad(op: Pad, node: Node, model: OnnxWriter) -> Sequence[str]:
    rank, quant = len(op.before), node.inputs[0].affine
    sides = [*stated_sides(op.before, rank), *stated_sides(op.after, rank)]
    fill = quant.scale * (op.fill(node.output) - quant.zero_point)
    operands = [model.integers(f"{node.name}/pads", sides), model.constant(f"{node.name}/fill", np.float32(fill))]
    return [model.node("Pad", [model.real[node.inputs[0]], *operands], f"{node.name}/pad", mode="constant")]


def _reshape(op: Reshape, node: Node, model: OnnxWriter) -> Sequence[str]:
    return [model.stated(model.reshaped(model.plain(node.inputs[0]), op.shape), op.shape)]


def _transpose(op: Transpose, node: Node, model: OnnxWriter) -> Sequence[str]:
    rank = len(op.permutation)
    order = [stated_axis(axis, rank) for axis in stated_sides(op.permutation, rank)]
    return [model.transposed(model.real[node.inputs[0]], order, node.name)]


def _concatenation(op: Concatenation, node: Node, model: OnnxWriter) -> Sequence[str]:
    if {tensor.quant for tensor in node.inputs} != {node.output.quant}:
        raise UnsupportedError("its operands and output are quantized differently")
    rank = len(node.output.shape)
    operands = [model.operand(tensor, rank) for tensor in node.inputs]
    return [model.node("Concat", operands, f"{node.name}/concat", axis=stated_axis(op.axis, rank))]


def _split(op: Split, node: Node, model: OnnxWriter) -> Sequence[str]:
    rank = len(node.inputs[0].shape)
    sizes = model.integers(f"{node.name}/sizes", [tensor.shape[op.axis] for tensor in node.outputs])
    wishes = [f"{tensor.name}/split" for tensor in node.outputs]
    axis = stated_axis(op.axis, rank)
    return model.node_of("Split", [model.real[node.inputs[0]], sizes], wishes, axis=axis)


def _strided_slice(op: StridedSlice, node: Node, model: OnnxWriter) -> Sequence[str]:
    source = node.inputs[0]
    rank = len(source.shape)
    last = [begin + (size - 1) * stride for begin, size, stride in zip(op.begin, op.size, op.stride, strict=True)]
    ends = [at + (1 if stride > 0 else -1) for at, stride in zip(last, op.stride, strict=True)]
    # down to element 0 the end is -1, which ONNX counts from the far end: so anything far below
    ends = [end if end >= 0 else -side - 1 for end, side in zip(ends, source.shape, strict=True)]
    fields = (("starts", op.begin), ("ends", ends), ("axes", range(rank)), ("steps", op.stride))
    operands = [
        model.integers(f"{node.name}/{role}", list(values) if role == "axes" else stated_sides(values, rank))
        for role, values in fields
    ]
    cut = model.node("Slice", [model.real[source], *operands], f"{node.name}/slice")
    if not op.shrink:
        return [cut]
    plain = model.transposed(cut, (0, 2, 3, 1), cut) if rank == 4 else cut
    return [model.stated(model.reshaped(plain, node.output.shape), node.output.shape)]


def _resize(op: ResizeNearest | ResizeBilinear, node: Node, model: OnnxWriter) -> Sequence[str]:
    rule = "align_corners" if op.align_corners else "half_pixel" if op.half_pixel_centers else "asymmetric"
    attributes: dict[str, Attribute] = {"mode": "linear", "coordinate_transformation_mode": rule}
    if isinstance(op, ResizeNearest):
        # TFLite takes the pixel below; at corners it rounds, and half a pixel more is what rounding half up takes back
        rounding = "floor" if rule == "asymmetric" else "round_prefer_ceil"
        attributes |= {"mode": "nearest", "nearest_mode": rounding}
    sizes = model.integers(f"{node.name}/sizes", stated_sides(node.output.shape, 4))
    operands = [model.real[node.inputs[0]], "", "", sizes]
    return [model.node("Resize", operands, f"{node.name}/resize", **attributes)]


def _binary(kind: str) -> Row:
    def row(op: Add | Sub | Mul, node: Node, model: OnnxWriter) -> Sequence[str]:
        operands = [model.operand(tensor, len(node.output.shape)) for tensor in node.inputs]
        return [_activated(op.activation, model.node(kind, operands, f"{node.name}/{kind.lower()}"), model)]

    return row


def _prelu(op: Prelu, node: Node, model: OnnxWriter) -> Sequence[str]:
    operands = [model.operand(tensor, len(node.output.shape)) for tensor in node.inputs]
    return [model.node("PRelu", operands, f"{node.name}/prelu")]


def _pointwise(kind: str) -> Row:
    def row(op: Op, node: Node, model: OnnxWriter) -> Sequence[str]:
        return [model.node(kind, [model.real[node.inputs[0]]], f"{node.name}/{kind.lower()}")]

    return row


def _relu(op: Relu, node: Node, model: OnnxWriter) -> Sequence[str]:
    return [_activated(op.activation, model.real[node.inputs[0]], model)]


def _leaky_relu(op: LeakyRelu, node: Node, model: OnnxWriter) -> Sequence[str]:
    return [model.node("LeakyRelu", [model.real[node.inputs[0]]], f"{node.name}/leaky", alpha=float(op.alpha))]


def _extreme(kind: str) -> Row:
    def row(op: Maximum | Minimum, node: Node, model: OnnxWriter) -> Sequence[str]:
        operands = [model.operand(tensor, len(node.output.shape)) for tensor in node.inputs]
        return [model.node(kind, operands, f"{node.name}/{kind.lower()}")]

    return row


def _softmax(op: Softmax, node: Node, model: OnnxWriter) -> Sequence[str]:
    source, rank = node.inputs[0], len(node.output.shape)
    logits = model.real[source]
    if not math.isclose(op.beta, 1.0):
        beta = model.constant(f"{node.name}/beta", np.float32(op.beta))
        logits = model.node("Mul", [logits, beta], f"{node.name}/scaled")
    return [model.node("Softmax", [logits], f"{node.name}/softmax", axis=stated_axis(rank - 1, rank))]


def _quantize(op: Quantize, node: Node, model: OnnxWriter) -> Sequence[str]:
    return [model.real[node.inputs[0]]]


# ops that hand bytes on without rescaling them, whatever the output's quantization says
COPIES = (AveragePool2D, MaxPool2D, Pad, Reshape, ResizeBilinear, ResizeNearest, Split, StridedSlice, Transpose)


def copied_quant(node: Node) -> Quant | None:
    """The quantization in which the output's bytes are computed, where that is the input's."""
    clamps = isinstance(node.op, Relu) and node.op.activation is Activation.RELU6
    return _only(node.operands).affine if isinstance(node.op, COPIES) or clamps else None


def _only(tensors: Sequence[Tensor]) -> Tensor:
    (tensor,) = tensors
    return tensor


ROWS: dict[type[Op], Row] = {
    Abs: _pointwise("Abs"),
    Add: _binary("Add"),
    AveragePool2D: _pool("AveragePool"),
    BatchMatMul: batch_matmul,
    Concatenation: _concatenation,
    Conv2D: _conv2d,
    DepthwiseConv2D: _depthwise_conv2d,
    Elementary: elementary,
    Elu: _pointwise("Elu"),
    FullyConnected: _fully_connected,
    Gelu: gelu,
    HardSwish: _pointwise("HardSwish"),
    L2Normalization: l2_normalization,
    LeakyRelu: _leaky_relu,
    LogSoftmax: log_softmax,
    Logistic: _pointwise("Sigmoid"),
    MaxPool2D: _pool("MaxPool"),
    Maximum: _extreme("Max"),
    Mean: _mean,
    Minimum: _extreme("Min"),
    Mul: _binary("Mul"),
    Pad: _pad,
    Prelu: _prelu,
    Quantize: _quantize,
    Relu: _relu,
    Reshape: _reshape,
    ResizeBilinear: _resize,
    ResizeNearest: _resize,
    Rsqrt: rsqrt,
    Softmax: _softmax,
    Split: _split,
    SquaredDifference: squared_difference,
    StridedSlice: _strided_slice,
    Sub: _binary("Sub"),
    Tanh: _pointwise("Tanh"),
    Transpose: _transpose,
    TransposeConv: _transpose_conv,
}
