"""How each op is written to a .tflite file: one function per op and one line in ROWS.

Operator versions are the least that state int8 in TFLite's op_version.cc, or int16 or int4 where there are some;
readers accept float under the same number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinyml.errors import UnsupportedError
from tinyml.exporters.tflite_window import pad_image, stated_padding, stated_transposed_padding
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.ir import Activation, DType, Node, Op, Quant, Tensor
from tinyml.ops import (
    Abs,
    Add,
    AveragePool2D,
    BatchMatMul,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    Elementary,
    Elu,
    FullyConnected,
    Gelu,
    HardSwish,
    L2Normalization,
    LeakyRelu,
    Logistic,
    LogSoftmax,
    Lstm,
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
    Svdf,
    Tanh,
    Transpose,
    TransposeConv,
)
from tinyml.ops.lstm import GATE_SCALE, GATES
from tinyml.ops.window import Window

Row = Callable[[Any, Node, ModelWriter], None]  # (op, node, model): append the node's operators

ACTIVATIONS: dict[Activation, int] = {
    Activation.NONE: schema.ActivationFunctionType.NONE,
    Activation.RELU: schema.ActivationFunctionType.RELU,
    Activation.RELU6: schema.ActivationFunctionType.RELU6,
    Activation.RELU_N1_TO_1: schema.ActivationFunctionType.RELU_N1_TO_1,
}


def _conv2d(op: Conv2D, node: Node, model: ModelWriter) -> None:
    options = _windowed(schema.Conv2DOptionsT(), op)
    options.dilationHFactor, options.dilationWFactor = op.dilation_h, op.dilation_w
    image, options.padding = _zero_padded(model, node.inputs[0], op.window(*node.inputs[1].shape[1:3]))
    model.operator("CONV_2D", _version(node, 3, 4, 7), [image, *_with_bias(node)], node.outputs, options)


def _depthwise_conv2d(op: DepthwiseConv2D, node: Node, model: ModelWriter) -> None:
    options = _windowed(schema.DepthwiseConv2DOptionsT(), op)
    options.dilationHFactor, options.dilationWFactor = op.dilation_h, op.dilation_w
    options.depthMultiplier = node.inputs[1].shape[3] // node.inputs[0].shape[3]
    image, options.padding = _zero_padded(model, node.inputs[0], op.window(*node.inputs[1].shape[1:3]))
    model.operator("DEPTHWISE_CONV_2D", _version(node, 3, 5, 7), [image, *_with_bias(node)], node.outputs, options)


def _transpose_conv(op: TransposeConv, node: Node, model: ModelWriter) -> None:
    image, weights, *bias = node.inputs
    options = _windowed(schema.TransposeConvOptionsT(), op)
    options.padding = stated_transposed_padding(op, image, weights, node.output)
    operands = [_indices(node, "output_shape", node.output.shape), weights, image, *bias]
    model.operator("TRANSPOSE_CONV", 3 if bias else 2, operands, node.outputs, options)


def _fully_connected(op: FullyConnected, node: Node, model: ModelWriter) -> None:
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = ACTIVATIONS[op.activation]
    options.keepNumDims = op.keep_num_dims
    version = _version(node, 6 if len(node.inputs) < 3 else 5 if op.keep_num_dims else 4, 7, 10)
    model.operator("FULLY_CONNECTED", version, node.inputs, node.outputs, options)


def _average_pool2d(op: AveragePool2D, node: Node, model: ModelWriter) -> None:
    options = _pool_options(op)
    options.padding = stated_padding(op.window, *node.inputs[0].shape[1:3])
    if options.padding is None:
        # a PAD before it would be counted in the mean
        raise UnsupportedError(f"padding {tuple(op.padding)} is neither SAME nor VALID")
    model.operator("AVERAGE_POOL_2D", _version(node, 2, 3), node.inputs, node.outputs, options)


def _max_pool2d(op: MaxPool2D, node: Node, model: ModelWriter) -> None:
    options, image = _pool_options(op), node.inputs[0]
    options.padding = stated_padding(op.window, *image.shape[1:3])
    if options.padding is None:
        least = float(np.finfo(np.float32).min) if image.dtype.is_float else image.dtype.bounds[0]
        image, options.padding = pad_image(model, image, op.padding, least), schema.Padding.VALID
    model.operator("MAX_POOL_2D", _version(node, 2, 3), [image], node.outputs, options)


def _mean(op: Mean, node: Node, model: ModelWriter) -> None:
    options = schema.ReducerOptionsT()
    options.keepDims = op.keep_dims
    model.operator("MEAN", 2, [*node.inputs, _indices(node, "axes", op.axes)], node.outputs, options)


def _pad(op: Pad, node: Node, model: ModelWriter) -> None:
    paddings = _indices(node, "paddings", list(zip(op.before, op.after, strict=True)))
    if op.value is None:
        model.operator("PAD", 2, [*node.inputs, paddings], node.outputs, schema.PadOptionsT())
        return
    fill = np.array([op.value], node.output.dtype.numpy)
    operands = [*node.inputs, paddings, Tensor.constant(f"{node.name}/value", fill, node.output.quant)]
    model.operator("PADV2", 2, operands, node.outputs, schema.PadV2OptionsT())


def _reshape(op: Reshape, node: Node, model: ModelWriter) -> None:
    options = schema.ReshapeOptionsT()
    options.newShape = np.array(op.shape, np.int32)
    model.operator("RESHAPE", 1, [*node.inputs, _indices(node, "shape", op.shape)], node.outputs, options)


def _transpose(op: Transpose, node: Node, model: ModelWriter) -> None:
    operands = [*node.inputs, _indices(node, "permutation", op.permutation)]
    model.operator("TRANSPOSE", _version(node, 2, 5), operands, node.outputs, schema.TransposeOptionsT())


def _svdf(op: Svdf, node: Node, model: ModelWriter) -> None:
    source, state, feature, time, bias = node.inputs
    options = schema.SVDFOptionsT()
    options.rank, options.fusedActivationFunction = op.rank, ACTIVATIONS[op.activation]
    model.operator("SVDF", 3, [source, feature, time, bias, state], node.outputs[:1], options)


def _lstm(op: Lstm, node: Node, model: ModelWriter) -> None:
    source, hidden, cell, *rest = node.inputs
    weights, recurrent, bias = rest[:4], rest[4:8], rest[8:]
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction, options.cellClip = schema.ActivationFunctionType.TANH, op.cell_clip
    none: list[Tensor | None] = [None]
    operands = [source, *weights, *recurrent, *none * 3, *bias, *none * 2, hidden, cell, *none * 4]
    # LiteRT asks them for the scales of the gates and of the hidden state; TFLM knows
    gate = Quant.per_tensor(GATE_SCALE)
    between = [Tensor(f"{node.name}/{name}_gate", (0,), DType.INT16, gate) for name in GATES]
    between.append(Tensor(f"{node.name}/hidden", (0,), DType.INT8, hidden.quant))
    model.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", 3, operands, node.outputs[:1], options, between)


def _concatenation(op: Concatenation, node: Node, model: ModelWriter) -> None:
    options = schema.ConcatenationOptionsT()
    options.axis = op.axis
    model.operator("CONCATENATION", _version(node, 2, 3), node.inputs, node.outputs, options)


def _split(op: Split, node: Node, model: ModelWriter) -> None:
    options = schema.SplitOptionsT()
    options.numSplits = op.count
    model.operator(
        "SPLIT", _version(node, 2, 4), [_indices(node, "axis", op.axis), *node.inputs], node.outputs, options
    )


def _strided_slice(op: StridedSlice, node: Node, model: ModelWriter) -> None:
    # one past the last element taken; going down to element 0 that is -1, which TFLite counts from the far end
    ends = [b + (n - 1) * s + (1 if s > 0 else -1) for b, n, s in zip(op.begin, op.size, op.stride, strict=True)]
    options = schema.StridedSliceOptionsT()
    options.endMask = sum(1 << axis for axis, end in enumerate(ends) if end < 0)
    options.shrinkAxisMask = sum(1 << axis for axis in op.shrink)
    bounds = {"begin": op.begin, "end": [max(end, 0) for end in ends], "strides": op.stride}
    operands = [*node.inputs, *(_indices(node, name, values) for name, values in bounds.items())]
    model.operator("STRIDED_SLICE", 2, operands, node.outputs, options)


def _resize_nearest(op: ResizeNearest, node: Node, model: ModelWriter) -> None:
    _resize("RESIZE_NEAREST_NEIGHBOR", schema.ResizeNearestNeighborOptionsT(), op, node, model)


def _resize_bilinear(op: ResizeBilinear, node: Node, model: ModelWriter) -> None:
    _resize("RESIZE_BILINEAR", schema.ResizeBilinearOptionsT(), op, node, model)


def _resize(name: str, options: Any, op: ResizeNearest | ResizeBilinear, node: Node, model: ModelWriter) -> None:
    options.alignCorners, options.halfPixelCenters = op.align_corners, op.half_pixel_centers
    operands = [*node.inputs, _indices(node, "size", (op.height, op.width))]
    model.operator(name, _version(node, 3, 4), operands, node.outputs, options)


def _binary(name: str, options: type[Any], wide: int) -> Row:
    """wide: the version for int16."""

    def row(op: Add | Sub | Mul, node: Node, model: ModelWriter) -> None:
        stated = options()
        stated.fusedActivationFunction = ACTIVATIONS[op.activation]
        if hasattr(stated, "potScaleInt16"):
            stated.potScaleInt16 = False  # int16 scales need not be powers of two
        model.operator(name, _version(node, 2, wide), node.inputs, node.outputs, stated)

    return row


def _plain(name: str, version: int, options: type[Any] | None = None, wide: int = 0) -> Row:
    """An op without attributes. wide: the version for int16, where it is another."""

    def row(op: Op, node: Node, model: ModelWriter) -> None:
        model.operator(
            name, _version(node, version, wide or version), node.inputs, node.outputs, options() if options else None
        )

    return row


def _relu(op: Relu, node: Node, model: ModelWriter) -> None:
    names = {Activation.RELU: "RELU", Activation.RELU6: "RELU6", Activation.RELU_N1_TO_1: "RELU_N1_TO_1"}
    version = 1 if op.activation is Activation.RELU_N1_TO_1 else 2
    model.operator(names[op.activation], version, node.inputs, node.outputs)


def _leaky_relu(op: LeakyRelu, node: Node, model: ModelWriter) -> None:
    options = schema.LeakyReluOptionsT()
    options.alpha = op.alpha
    model.operator("LEAKY_RELU", 2, node.inputs, node.outputs, options)


def _batch_matmul(op: BatchMatMul, node: Node, model: ModelWriter) -> None:
    options = schema.BatchMatMulOptionsT()
    options.adjX, options.adjY = op.adjoint0, op.adjoint1
    model.operator("BATCH_MATMUL", 4, node.inputs, node.outputs, options)


def _elementary(op: Elementary, node: Node, model: ModelWriter) -> None:
    """In float between a DEQUANTIZE and a QUANTIZE, if the node is int8."""
    (source,), (output,) = node.inputs, node.outputs
    parts = op.function.split()
    if not output.dtype.is_float:
        parts = ["DEQUANTIZE", *parts, "QUANTIZE"]
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        result = output if last else Tensor(f"{node.name}/{at}", output.shape, DType.FLOAT32)
        if part == "+1":
            one = Tensor.constant(f"{node.name}/one", np.ones(1, np.float32))
            model.operator("ADD", 1, [source, one], [result], schema.AddOptionsT())
        else:
            model.operator(part, 2 if part in ("DEQUANTIZE", "QUANTIZE") else 1, [source], [result])
        source = result


def _gelu(op: Gelu, node: Node, model: ModelWriter) -> None:
    options = schema.GeluOptionsT()
    options.approximate = op.approximate
    model.operator("GELU", 2, node.inputs, node.outputs, options)


def _softmax(op: Softmax, node: Node, model: ModelWriter) -> None:
    options = schema.SoftmaxOptionsT()
    options.beta = op.beta
    model.operator("SOFTMAX", _version(node, 2, 3), node.inputs, node.outputs, options)


def _windowed(options: Any, op: Conv2D | DepthwiseConv2D | TransposeConv | AveragePool2D | MaxPool2D) -> Any:
    """The options with the strides and activation that all windowed ops state."""
    options.strideH, options.strideW = op.stride_h, op.stride_w
    options.fusedActivationFunction = ACTIVATIONS[op.activation]
    return options


def _pool_options(op: AveragePool2D | MaxPool2D) -> Any:
    options = _windowed(schema.Pool2DOptionsT(), op)
    options.filterHeight, options.filterWidth = op.kernel_h, op.kernel_w
    return options


def _zero_padded(model: ModelWriter, image: Tensor, window: Window) -> tuple[Tensor, int]:
    """The image and the padding to state; with a PAD of zeros before it when neither SAME nor VALID says it."""
    stated = stated_padding(window, image.shape[1], image.shape[2])
    if stated is None:
        return pad_image(model, image, window.padding), schema.Padding.VALID
    return image, stated


def _with_bias(node: Node) -> tuple[Tensor, ...]:
    """Weights and bias of a convolution; LiteRT refuses quantized ones without a bias: an absent one becomes zeros."""
    image, weights, *bias = node.inputs
    if bias or weights.dtype.is_float:
        return node.inputs[1:]
    scales = tuple(float(np.float32(image.affine.scale * scale)) for scale in weights.affine.scales)
    quant = Quant(scales, (0,) * len(scales), 0 if len(scales) > 1 else None)
    kind = np.int64 if image.dtype is DType.INT16 else np.int32
    return weights, Tensor.constant(f"{node.name}/zero_bias", np.zeros(node.output.shape[-1], kind), quant)


def _version(node: Node, usual: int, int16: int, int4: int = 0) -> int:
    """The operator version for the types of a node: `usual` for int8."""
    types = {tensor.dtype for tensor in (*node.inputs, *node.outputs)}
    return int16 if DType.INT16 in types else int4 if DType.INT4 in types else usual


def _indices(node: Node, role: str, values: Any) -> Tensor:
    """An int32 constant that TFLite wants as an operand, and the Graph holds as an attribute."""
    return Tensor.constant(f"{node.name}/{role}", np.array(values, np.int32))


ROWS: dict[type[Op], Row] = {
    Abs: _plain("ABS", 2, schema.AbsOptionsT),
    Add: _binary("ADD", schema.AddOptionsT, 3),
    AveragePool2D: _average_pool2d,
    BatchMatMul: _batch_matmul,
    Concatenation: _concatenation,
    Conv2D: _conv2d,
    DepthwiseConv2D: _depthwise_conv2d,
    Dequantize: _plain("DEQUANTIZE", 2, schema.DequantizeOptionsT),
    Elementary: _elementary,
    Elu: _plain("ELU", 1),
    FullyConnected: _fully_connected,
    Gelu: _gelu,
    HardSwish: _plain("HARD_SWISH", 1, schema.HardSwishOptionsT),
    L2Normalization: _plain("L2_NORMALIZATION", 2, schema.L2NormOptionsT),
    LeakyRelu: _leaky_relu,
    LogSoftmax: _plain("LOG_SOFTMAX", 2, schema.LogSoftmaxOptionsT),
    Logistic: _plain("LOGISTIC", 2, wide=3),
    Lstm: _lstm,
    MaxPool2D: _max_pool2d,
    Maximum: _plain("MAXIMUM", 2, schema.MaximumMinimumOptionsT),
    Mean: _mean,
    Minimum: _plain("MINIMUM", 2, schema.MaximumMinimumOptionsT),
    Mul: _binary("MUL", schema.MulOptionsT, 4),
    Pad: _pad,
    Prelu: _plain("PRELU", 1),
    Quantize: _plain("QUANTIZE", 2, schema.QuantizeOptionsT),
    Relu: _relu,
    Reshape: _reshape,
    ResizeBilinear: _resize_bilinear,
    ResizeNearest: _resize_nearest,
    Rsqrt: _plain("RSQRT", 2),
    Softmax: _softmax,
    Split: _split,
    SquaredDifference: _plain("SQUARED_DIFFERENCE", 2, schema.SquaredDifferenceOptionsT),
    StridedSlice: _strided_slice,
    Sub: _binary("SUB", schema.SubOptionsT, 5),
    Svdf: _svdf,
    Tanh: _plain("TANH", 2, wide=3),
    Transpose: _transpose,
    TransposeConv: _transpose_conv,
}
