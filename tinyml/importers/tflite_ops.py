"""How each TFLite operator becomes an op of the Graph: one function per operator and one line in ROWS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.tflite_call import Call, activation, finite, require_per_tensor
from tinyml.importers.tflite_recurrent import LSTM_STATES, SVDF_STATES, lstm, svdf
from tinyml.importers.tflite_window import (
    check_weights,
    image,
    stated_padding,
    transposed_padding,
    weights_for,
    window_sides,
    with_bias,
)
from tinyml.ir import ACTIVATION_TYPES, Activation, DType, Op, Tensor, shown
from tinyml.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    HardSwish,
    LeakyRelu,
    Logistic,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Prelu,
    Quantize,
    Relu,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Softmax,
    Split,
    StridedSlice,
    Sub,
    Tanh,
    Transpose,
    TransposeConv,
)

MAX_RESIZED_SIDE = 1 << 14

Lowered = tuple[Op, Sequence[Tensor]]  # the op and its inputs in the Graph's order
Function = Callable[[Call, Any], Lowered]  # (tensors, accessor of the options)


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


def _pad(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, call.output)
    paddings = call.integers(1, "paddings")
    before, after, value = tuple(paddings[::2]), tuple(paddings[1::2]), call.optional(2)
    return Pad(before, after, None if value is None else _fill(call, value)), [source]


def _fill(call: Call, value: Tensor) -> float | None:
    """PADV2's constant in the output's numbers; None when it is the real number 0."""
    call.require_activations(value, call.output)
    if not value.is_constant or value.size != 1:
        raise UnsupportedError("it fills with something else than one constant")
    call.require_same_quant(value)
    number = value.values.ravel()[0].item()
    zero = 0 if call.output.dtype.is_float else call.output.affine.zero_point
    return None if number == zero else finite(number, "value")


def _reshape(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, call.output)
    if source.size != call.output.size:
        # with a free batch a converter may state sides of 1 for all that depends on it
        raise UnsupportedError(
            f"from {list(source.shape)} to {list(call.output.shape)}, which holds another number of elements; "
            "a model with a free batch is better converted with a batch of 1"
        )
    return Reshape(call.output.shape), [call.input(0)]


def _transpose(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.output)
    rank = len(call.input(0).shape)
    return Transpose(tuple(a + rank if a < 0 else a for a in call.integers(1, "permutation"))), [call.input(0)]


def _concatenation(call: Call, options: Any) -> Lowered:
    operands = [call.input(index) for index in range(len(call.inputs))]
    call.require_activations(*operands, call.output)
    call.require_same_quant(*operands)
    if options.FusedActivationFunction() != 0:
        raise UnsupportedError("a fused activation")
    return Concatenation(_axis(options.Axis(), call.output)), operands


def _split(call: Call, options: Any) -> Lowered:
    source = call.input(1)
    call.require_activations(source, *call.outputs)
    if options.NumSplits() != len(call.outputs):
        raise ModelError(f"{options.NumSplits()} parts and {len(call.outputs)} outputs")
    axes = call.integers(0, "axis")
    if len(axes) != 1:
        raise ModelError(f"{len(axes)} axes to split along")
    return Split(_axis(axes[0], source), len(call.outputs)), [source]


def _split_by_sizes(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, *call.outputs)
    sizes, axes = call.integers(1, "sizes"), call.integers(2, "axis")
    if len(sizes) != len(call.outputs) or len(axes) != 1:
        raise ModelError(f"{len(sizes)} sizes, {len(call.outputs)} outputs and {len(axes)} axes")
    if len(set(sizes)) != 1:
        raise UnsupportedError(f"parts of sizes {sizes}; equal ones are supported")
    return Split(_axis(axes[0], source), len(call.outputs)), [source]


def _strided_slice(call: Call, options: Any) -> Lowered:
    source = call.input(0)
    call.require_activations(source, call.output)
    if options.EllipsisMask() or options.NewAxisMask() or options.Offset():
        raise UnsupportedError("ellipsis, new axes or offsets in the slice")
    begin, end, stride = (call.integers(i + 1, role) for i, role in enumerate(("begin", "end", "strides")))
    # axes behind the stated ones are taken whole
    missing = len(source.shape) - len(begin)
    whole = ((1 << missing) - 1) << len(begin) if missing > 0 else 0
    begin, end, stride = ([*values, *[fill] * missing] for values, fill in ((begin, 0), (end, 0), (stride, 1)))
    masks = (options.BeginMask() | whole, options.EndMask() | whole, options.ShrinkAxisMask())
    return StridedSlice.resolve(source.shape, begin, end, stride, *map(int, masks)), [source]


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


def _fixed_output(kind: type[Logistic] | type[Tanh]) -> Function:
    def lower(call: Call, options: Any) -> Lowered:
        call.require_activations(call.input(0), call.output)
        _require_output_quant(call, kind)
        return kind(), [call.input(0)]

    return lower


def _softmax(call: Call, options: Any) -> Lowered:
    call.require_activations(call.input(0), call.output)
    _require_output_quant(call, Softmax)
    return Softmax(finite(options.Beta(), "beta")), [call.input(0)]


def _require_output_quant(call: Call, kind: type[Logistic] | type[Tanh] | type[Softmax]) -> None:
    quant = call.output.quant
    wanted = kind.OUTPUT_QUANT_INT16 if call.output.dtype is DType.INT16 else kind.OUTPUT_QUANT
    off = 1e-3 * wanted.scale
    if quant and (quant.zero_point != wanted.zero_point or abs(quant.scale - wanted.scale) > off):
        raise UnsupportedError(f"an output of {quant}; TFLite Micro has {wanted} only")


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


def _axis(axis: int, tensor: Tensor) -> int:
    return int(axis) + len(tensor.shape) if axis < 0 else int(axis)


_MANY = 1 << 10
ROWS: dict[str, Row] = {
    "ADD": Row(_binary(Add), "AddOptions", (2, 2)),
    "AVERAGE_POOL_2D": Row(_pool(AveragePool2D), "Pool2DOptions", (1, 1)),
    "CONCATENATION": Row(_concatenation, "ConcatenationOptions", (1, _MANY)),
    "CONV_2D": Row(_conv2d, "Conv2DOptions", (2, 3)),
    "DEPTHWISE_CONV_2D": Row(_depthwise_conv2d, "DepthwiseConv2DOptions", (2, 3)),
    "DEQUANTIZE": Row(_dequantize, "", (1, 1)),
    "EXPAND_DIMS": Row(_reshape, "", (2, 2), ignored=(1,)),
    "FULLY_CONNECTED": Row(_fully_connected, "FullyConnectedOptions", (2, 3)),
    "HARD_SWISH": Row(_pointwise(HardSwish()), "", (1, 1)),
    "LEAKY_RELU": Row(_leaky_relu, "LeakyReluOptions", (1, 1)),
    "LOGISTIC": Row(_fixed_output(Logistic), "", (1, 1)),
    "MAX_POOL_2D": Row(_pool(MaxPool2D), "Pool2DOptions", (1, 1)),
    "MEAN": Row(_mean, "ReducerOptions", (2, 2)),
    "MUL": Row(_binary(Mul), "MulOptions", (2, 2)),
    "PAD": Row(_pad, "", (2, 2)),
    "PADV2": Row(_pad, "", (3, 3)),
    "PRELU": Row(_prelu, "", (2, 2)),
    "QUANTIZE": Row(_quantize, "", (1, 1)),
    "RELU": Row(_pointwise(Relu(Activation.RELU)), "", (1, 1)),
    "RELU6": Row(_pointwise(Relu(Activation.RELU6)), "", (1, 1)),
    "RELU_N1_TO_1": Row(_pointwise(Relu(Activation.RELU_N1_TO_1)), "", (1, 1)),
    "RESHAPE": Row(_reshape, "", (1, 2), ignored=(1,)),
    "RESIZE_BILINEAR": Row(_resize(ResizeBilinear), "ResizeBilinearOptions", (2, 2)),
    "RESIZE_NEAREST_NEIGHBOR": Row(_resize(ResizeNearest), "ResizeNearestNeighborOptions", (2, 2)),
    "SOFTMAX": Row(_softmax, "SoftmaxOptions", (1, 1)),
    "SPLIT": Row(_split, "SplitOptions", (2, 2)),
    "SPLIT_V": Row(_split_by_sizes, "SplitVOptions", (3, 3)),
    "SQUEEZE": Row(_reshape, "", (1, 1)),
    "STRIDED_SLICE": Row(_strided_slice, "StridedSliceOptions", (4, 4)),
    "SUB": Row(_binary(Sub), "SubOptions", (2, 2)),
    "SVDF": Row(svdf, "SVDFOptions", (5, 5), states=SVDF_STATES),
    "TANH": Row(_fixed_output(Tanh), "", (1, 1)),
    "TRANSPOSE": Row(_transpose, "", (2, 2)),
    "TRANSPOSE_CONV": Row(_transpose_conv, "TransposeConvOptions", (3, 4), ignored=(0,)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Row(lstm, "UnidirectionalSequenceLSTMOptions", (24, 24), states=LSTM_STATES),
}
