"""How each TFLite operator becomes an op of the Graph: one function per operator and one line in ROWS."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.tflite_call import Call, Lowered, activation, finite, require_per_tensor
from tinyml.importers.tflite_recurrent import LSTM_STATES, SVDF_STATES, lstm, svdf
from tinyml.importers.tflite_shape import (
    broadcast_to,
    concatenation,
    depth_to_space,
    expand_dims,
    gather,
    mirror_pad,
    pack,
    pad,
    reduce_max,
    reshape,
    reverse,
    slice_of,
    space_to_depth,
    split,
    split_by_sizes,
    strided_slice,
    tile,
    transpose,
    unpack,
)
from tinyml.importers.tflite_window import (
    check_weights,
    image,
    stated_padding,
    transposed_padding,
    weights_for,
    window_sides,
    with_bias,
)
from tinyml.ir import ACTIVATION_TYPES, Activation, DType, Node, Op, Tensor, shown
from tinyml.ops import (
    Abs,
    Add,
    AveragePool2D,
    BatchMatMul,
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
    Maximum,
    MaxPool2D,
    Mean,
    Minimum,
    Mul,
    Prelu,
    Quantize,
    Relu,
    ResizeBilinear,
    ResizeNearest,
    Rsqrt,
    Softmax,
    SquaredDifference,
    Sub,
    Tanh,
    TransposeConv,
)

MAX_RESIZED_SIDE = 1 << 14

_Fixed = type[L2Normalization] | type[Logistic] | type[LogSoftmax] | type[Softmax] | type[Tanh]
Function = Callable[[Call, Any], Lowered | list[Node]]  # (tensors, accessor of the options)


@dataclass(frozen=True)
class Row:
    """lower: raises UnsupportedError or ModelError without saying where. inputs: least and greatest count of operands.

    options: class of the options in the schema, empty for none. ignored: operands that only repeat a stated shape.
    states: operands that are variable tensors, which the operator reads and writes; `lower` takes them as inputs and
        the op gives the next ones behind its outputs, in this order.
    """

    lower: Function
    options: str
    inputs: tuple[int, int]
    ignored: tuple[int, ...] = ()
    states: tuple[int, ...] = ()


def _conv2d(call: Call, options: Any) -> Lowered:
    source = image(call, 0)
    weights = weights_for(call, 1, source)
    check_weights(call, source, weights, axis=0)
    sides = window_sides(options, dilated=True)
    padding = stated_padding(options.Padding(), source, weights.shape[1:3], sides)
    op = Conv2D(*sides, padding, activation(options.FusedActivationFunction()))
    return op, with_bias(call, source, weights, 2)


def _depthwise_conv2d(call: Call, options: Any) -> Lowered:
    source = image(call, 0)
    weights = weights_for(call, 1, source)
    check_weights(call, source, weights, axis=3)
    sides = window_sides(options, dilated=True)
    padding = stated_padding(options.Padding(), source, weights.shape[1:3], sides)
    op = DepthwiseConv2D(*sides, padding, activation(options.FusedActivationFunction()))
    return op, with_bias(call, source, weights, 2)


def _transpose_conv(call: Call, options: Any) -> Lowered:
    source = image(call, 2)
    weights = weights_for(call, 1, source)
    check_weights(call, source, weights, axis=0)
    if weights.dtype is DType.INT4:
        raise UnsupportedError("int4 weights; int8 is supported")
    stride_h, stride_w, _, _ = window_sides(options, dilated=False)
    padding = transposed_padding(options.Padding(), source, weights, call.output, (stride_h, stride_w))
    op = TransposeConv(stride_h, stride_w, padding, activation(options.FusedActivationFunction()))
    return op, with_bias(call, source, weights, 3)


def _fully_connected(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    weights = weights_for(call, 1, source)
    check_weights(call, source, weights, axis=0, sides=2, symmetric=False)
    if options.WeightsFormat() != 0:
        raise UnsupportedError("shuffled weights")
    keeps = bool(options.KeepNumDims())
    op = FullyConnected(activation(options.FusedActivationFunction()), keeps)
    return op, with_bias(call, source, weights, 2)


def _pool(kind: type[AveragePool2D] | type[MaxPool2D]) -> Function:
    def lower(call: Call, options: Any) -> Lowered:
        source = image(call, 0)
        call.require_activations(source, call.output)
        call.require_same_quant(source)
        kernel = (int(options.FilterHeight()), int(options.FilterWidth()))
        sides = window_sides(options, dilated=False)
        padding = stated_padding(options.Padding(), source, kernel, sides)
        fused = activation(options.FusedActivationFunction())
        return kind(*kernel, sides[0], sides[1], padding, fused), [source]

    return lower


def _mean(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.output)
    return Mean(tuple(call.integers(1, "axes")), bool(options.KeepDims())), [call.input(0)]


def _binary(kind: type[Add] | type[Sub] | type[Mul]) -> Function:
    def lower(call: Call, options: Any) -> Lowered:
        operands = [call.input(0), call.input(1)]
        call.require_activations(*operands, call.output)
        return kind(activation(options.FusedActivationFunction())), operands

    return lower


def _resize(kind: type[ResizeNearest] | type[ResizeBilinear]) -> Function:
    def lower(call: Call, options: Any) -> Lowered:
        source, size = image(call, 0), call.integers(1, "size")
        call.require_activations(source, call.output)
        if len(size) != 2 or not all(1 <= side <= MAX_RESIZED_SIDE for side in size):
            raise UnsupportedError(f"a size of {size}; two sides of 1 to {MAX_RESIZED_SIDE} are supported")
        height, width = size
        return kind(height, width, bool(options.AlignCorners()), bool(options.HalfPixelCenters())), [source]

    return lower


def _pointwise(op: Op) -> Function:
    def lower(call: Call, options: Any) -> Lowered:
        call.require_activations(call.input(0), call.output)
        return op, [call.input(0)]

    return lower


def _fixed_output(kind: _Fixed) -> Function:
    def lower(call: Call, options: Any) -> Lowered:
        call.require_activations(call.input(0), call.output)
        _require_output_quant(call, kind)
        return kind(), [call.input(0)]

    return lower


def _softmax(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.output)
    _require_output_quant(call, Softmax)
    return Softmax(finite(options.Beta(), "beta")), [call.input(0)]


def _require_output_quant(
    call: Call, kind: type[L2Normalization] | type[Logistic] | type[LogSoftmax] | type[Tanh] | type[Softmax]
) -> None:
    quant = call.output.quant
    wanted = kind.OUTPUT_QUANT
    if call.output.dtype is DType.INT16:
        wanted = getattr(kind, "OUTPUT_QUANT_INT16", wanted)
    off = 1e-3 * wanted.scale
    if quant and (quant.zero_point != wanted.zero_point or abs(quant.scale - wanted.scale) > off):
        raise UnsupportedError(f"an output of {quant}; TFLite Micro has {wanted} only")


def _compared(kind: type[Maximum] | type[Minimum]) -> Function:
    def lower(call: Call, options: Any) -> Lowered:
        operands = [call.input(0), call.input(1)]
        call.require_activations(*operands, call.output)
        call.require_same_quant(*operands)
        return kind(), operands

    return lower


def _squared_difference(call: Call, options: Any) -> Lowered:
    operands = [call.input(0), call.input(1)]
    call.require_activations(*operands, call.output)
    return SquaredDifference(), operands


def _elementary(function: str) -> Function:
    """In float; what LiteRT has of them in int8 is none of TFLM's."""

    def lower(call: Call, options: Any) -> Lowered:
        call.require_activations(call.input(0), call.output)
        if not call.output.dtype.is_float:
            raise UnsupportedError(
                f"{call.output.dtype.value} operands; float32 is supported, between int8 layers, too"
            )
        return Elementary(function), [call.input(0)]

    return lower


def _rsqrt(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, call.output)
    if source.quant is not None and source.quant.zero_point != source.dtype.bounds[0]:
        raise UnsupportedError(f"an input of {source.quant}, which may be below 0")
    return Rsqrt(), [source]


def _gelu(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.output)
    return Gelu(bool(options.Approximate())), [call.input(0)]


def _batch_matmul(call: Call, options: Any) -> Lowered:
    """A constant matrix on the right is a dense layer, of the same arithmetic."""
    source, matrix = call.input(0), call.input(1)
    call.require_activations(source, matrix, call.output)
    op = BatchMatMul(bool(options.AdjX()), bool(options.AdjY()))
    if not matrix.is_constant or op.adjoint0 or matrix.size != math.prod(matrix.shape[-2:]):
        return op, [source, matrix]
    values = matrix.values.reshape(matrix.shape[-2:])
    weights = Tensor.constant(matrix.name, values if op.adjoint1 else values.T.copy(), matrix.quant)
    return FullyConnected(keep_num_dims=True), [source, weights]


def _leaky_relu(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.output)
    return LeakyRelu(finite(options.Alpha(), "alpha")), [call.input(0)]


def _prelu(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.input(1), call.output)
    return Prelu(), [call.input(0), call.input(1)]


def _quantize(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    kinds = {source.dtype, call.output.dtype}
    known = source.dtype in (DType.FLOAT32, *ACTIVATION_TYPES) and call.output.dtype in ACTIVATION_TYPES
    if not known and kinds != {DType.INT8, DType.UINT8}:
        raise UnsupportedError(f"from {source.dtype.value} to {call.output.dtype.value}")
    require_per_tensor(source)
    require_per_tensor(call.output)
    for tensor in (source, call.output):
        if tensor.dtype is DType.UINT8 and (tensor.quant is None or len(tensor.quant.scales) != 1):
            raise ModelError(f"uint8 tensor {shown(tensor.name)} does not have one scale")
    return Quantize(), [source]


def _dequantize(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    half = source.dtype is DType.FLOAT16 and source.is_constant
    if not (half or source.dtype in ACTIVATION_TYPES) or call.output.dtype is not DType.FLOAT32:
        raise UnsupportedError(f"from {source.dtype.value} to {call.output.dtype.value}")
    if not half:
        call.require_activations(source)
    return Dequantize(), [source]


_MANY = 1 << 10
ROWS: dict[str, Row] = {
    "ABS": Row(_pointwise(Abs()), "", (1, 1)),
    "ADD": Row(_binary(Add), "AddOptions", (2, 2)),
    "AVERAGE_POOL_2D": Row(_pool(AveragePool2D), "Pool2DOptions", (1, 1)),
    "BATCH_MATMUL": Row(_batch_matmul, "BatchMatMulOptions", (2, 2)),
    "BROADCAST_TO": Row(broadcast_to, "", (2, 2)),
    "CONCATENATION": Row(concatenation, "ConcatenationOptions", (1, _MANY)),
    "CONV_2D": Row(_conv2d, "Conv2DOptions", (2, 3)),
    "COS": Row(_elementary("COS"), "", (1, 1)),
    "DEPTHWISE_CONV_2D": Row(_depthwise_conv2d, "DepthwiseConv2DOptions", (2, 3)),
    "DEPTH_TO_SPACE": Row(depth_to_space, "DepthToSpaceOptions", (1, 1)),
    "DEQUANTIZE": Row(_dequantize, "", (1, 1)),
    "ELU": Row(_pointwise(Elu()), "", (1, 1)),
    "EXP": Row(_elementary("EXP"), "", (1, 1)),
    "EXPAND_DIMS": Row(expand_dims, "", (2, 2), ignored=(1,)),
    "FULLY_CONNECTED": Row(_fully_connected, "FullyConnectedOptions", (2, 3)),
    "GATHER": Row(gather, "GatherOptions", (2, 2)),
    "GELU": Row(_gelu, "GeluOptions", (1, 1)),
    "HARD_SWISH": Row(_pointwise(HardSwish()), "", (1, 1)),
    "L2_NORMALIZATION": Row(_fixed_output(L2Normalization), "", (1, 1)),
    "LEAKY_RELU": Row(_leaky_relu, "LeakyReluOptions", (1, 1)),
    "LOG": Row(_elementary("LOG"), "", (1, 1)),
    "LOGISTIC": Row(_fixed_output(Logistic), "", (1, 1)),
    "LOG_SOFTMAX": Row(_fixed_output(LogSoftmax), "", (1, 1)),
    "MAXIMUM": Row(_compared(Maximum), "", (2, 2)),
    "MAX_POOL_2D": Row(_pool(MaxPool2D), "Pool2DOptions", (1, 1)),
    "MEAN": Row(_mean, "ReducerOptions", (2, 2)),
    "MINIMUM": Row(_compared(Minimum), "", (2, 2)),
    "MIRROR_PAD": Row(mirror_pad, "MirrorPadOptions", (2, 2)),
    "MUL": Row(_binary(Mul), "MulOptions", (2, 2)),
    "NEG": Row(_elementary("NEG"), "", (1, 1)),
    "PACK": Row(pack, "PackOptions", (1, _MANY)),
    "PAD": Row(pad, "", (2, 2)),
    "PADV2": Row(pad, "", (3, 3)),
    "PRELU": Row(_prelu, "", (2, 2)),
    "QUANTIZE": Row(_quantize, "", (1, 1)),
    "REDUCE_MAX": Row(reduce_max, "ReducerOptions", (2, 2)),
    "RELU": Row(_pointwise(Relu(Activation.RELU)), "", (1, 1)),
    "RELU6": Row(_pointwise(Relu(Activation.RELU6)), "", (1, 1)),
    "RELU_N1_TO_1": Row(_pointwise(Relu(Activation.RELU_N1_TO_1)), "", (1, 1)),
    "RESHAPE": Row(reshape, "", (1, 2), ignored=(1,)),
    "RESIZE_BILINEAR": Row(_resize(ResizeBilinear), "ResizeBilinearOptions", (2, 2)),
    "RESIZE_NEAREST_NEIGHBOR": Row(_resize(ResizeNearest), "ResizeNearestNeighborOptions", (2, 2)),
    "REVERSE_V2": Row(reverse, "", (2, 2)),
    "RSQRT": Row(_rsqrt, "", (1, 1)),
    "SIN": Row(_elementary("SIN"), "", (1, 1)),
    "SLICE": Row(slice_of, "", (3, 3)),
    "SOFTMAX": Row(_softmax, "SoftmaxOptions", (1, 1)),
    "SPACE_TO_DEPTH": Row(space_to_depth, "SpaceToDepthOptions", (1, 1)),
    "SPLIT": Row(split, "SplitOptions", (2, 2)),
    "SPLIT_V": Row(split_by_sizes, "SplitVOptions", (3, 3)),
    "SQUARE": Row(_elementary("SQUARE"), "", (1, 1)),
    "SQUARED_DIFFERENCE": Row(_squared_difference, "", (2, 2)),
    "SQUEEZE": Row(reshape, "", (1, 1)),
    "STRIDED_SLICE": Row(strided_slice, "StridedSliceOptions", (4, 4)),
    "SUB": Row(_binary(Sub), "SubOptions", (2, 2)),
    "SVDF": Row(svdf, "SVDFOptions", (5, 5), states=SVDF_STATES),
    "TANH": Row(_fixed_output(Tanh), "", (1, 1)),
    "TILE": Row(tile, "", (2, 2)),
    "TRANSPOSE": Row(transpose, "", (2, 2)),
    "TRANSPOSE_CONV": Row(_transpose_conv, "TransposeConvOptions", (3, 4), ignored=(0,)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Row(lstm, "UnidirectionalSequenceLSTMOptions", (24, 24), states=LSTM_STATES),
    "UNPACK": Row(unpack, "UnpackOptions", (1, 1)),
}
