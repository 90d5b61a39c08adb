"""Convolutions, pools and resizing of NCHW formats on NHWC images.

A signal [N, C, L] is an image of L rows and one column, [N, L, 1, C]: a model that is fed by rows then takes it sample
by sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.nchw import Builder, Value
from tinyml.importers.nchw_shape import mean, pad
from tinyml.ir import Array, Padding, ShapeError, Tensor
from tinyml.ops import (
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    MaxPool2D,
    ResizeBilinear,
    ResizeNearest,
    TransposeConv,
)
from tinyml.ops.same_padding import same_padding

MAX_WINDOW = 1 << 14  # taps, strides, dilations and paddings of one side
MAX_RESIZED_SIDE = 1 << 11


Pair = tuple[int, int]


def _pair(numbers: Sequence[int]) -> Pair:
    first, second = numbers
    return first, second


@dataclass(frozen=True)
class Sliding:
    """A window as the source states it, one number per spatial axis (one or two). Empty stands for all 1, or 0.

    auto: "", "SAME_UPPER", "SAME_LOWER" or "VALID", which then decides the padding. ceil: partial windows at the end
    count, as far as they begin inside the image or its padding in front.
    """

    stride: Sequence[int] = ()
    dilation: Sequence[int] = ()
    before: Sequence[int] = ()
    after: Sequence[int] = ()
    auto: str = ""
    ceil: bool = False

    def resolved(self, kernel: Sequence[int], image: Sequence[int]) -> tuple[Pair, Pair, Padding]:
        """((stride_h, stride_w), (dilation_h, dilation_w), padding) of a kernel of two sides over an image of two."""
        rank = 2
        stride, dilation = _sides(self.stride, rank, 1), _sides(self.dilation, rank, 1)
        before, after = _sides(self.before, rank, 0), _sides(self.after, rank, 0)
        spans = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
        if not all(1 <= side <= MAX_WINDOW for side in (*kernel, *stride, *dilation, *spans)):
            raise ModelError(f"kernel {list(kernel)}, strides {stride}, dilations {dilation}")
        if not all(0 <= side <= MAX_WINDOW for side in (*before, *after)):
            raise ModelError(f"padding {before} and {after}")
        if self.auto.startswith("SAME"):
            same = same_padding(image[0], image[1], spans, stride)
            lower = self.auto == "SAME_LOWER"
            padding = Padding(same[1], same[0], same[3], same[2]) if lower else same
            return _pair(stride), _pair(dilation), padding
        if self.auto == "VALID":
            before = after = [0] * rank
        if self.ceil:
            wider = map(_partial, image, spans, stride, before, after)
            after = [last + more for last, more in zip(after, wider, strict=True)]
        return _pair(stride), _pair(dilation), Padding(before[0], after[0], before[1], after[1])


def _sides(values: Sequence[int], rank: int, default: int) -> list[int]:
    sides = list(values) or [default] * rank
    if len(sides) != rank:
        raise ModelError(f"{len(sides)} numbers for {rank} spatial axes")
    return sides


def _partial(size: int, span: int, stride: int, before: int, after: int) -> int:
    """How much wider the padding behind has to be for the last, partial window; less than 0 where columns go unread."""
    room = size + before + after - span
    windows = -(-room // stride) + 1
    if (windows - 1) * stride >= size + before:
        windows -= 1
    return max((windows - 1) * stride - room, 0)


def image(builder: Builder, value: Value) -> Tensor:
    """The value, [1, C, H, W] or [1, C, L], as an NHWC image."""
    if len(value.shape) not in (3, 4) or value.shape[0] != 1:
        batch = ", one sample at a time" if len(value.shape) in (3, 4) else ""
        raise UnsupportedError(f"an input of shape {list(value.shape)}; 1xCxHxW or 1xCxL is supported{batch}")
    return builder.stored(value, _axes(value))


def _axes(value: Value) -> tuple[int | None, ...]:
    return (0, 2, 3, 1) if len(value.shape) == 4 else (0, 2, None, 1)


def _from_image(builder: Builder, tensor: Tensor, like: Value) -> Value:
    """An NHWC image as a value of as many axes as `like` has."""
    _, height, width, channels = tensor.shape
    shape = (1, channels, height, width) if len(like.shape) == 4 else (1, channels, height)
    return builder.value(tensor, shape, _axes(like))


def _square(value: Value, window: Sliding, kernel: Sequence[int]) -> tuple[Sliding, Pair]:
    """The window and kernel with two spatial axes: a signal's second one is trivial."""
    if len(kernel) not in (1, 2) or len(kernel) != len(value.shape) - 2:
        raise ModelError(f"a kernel {list(kernel)} for an input of shape {list(value.shape)}")
    if len(kernel) == 2:
        return window, _pair(kernel)
    stride, dilation = _sides(window.stride, 1, 1), _sides(window.dilation, 1, 1)
    before, after = _sides(window.before, 1, 0), _sides(window.after, 1, 0)
    wide = Sliding([*stride, 1], [*dilation, 1], [*before, 0], [*after, 0], window.auto, window.ceil)
    return wide, (kernel[0], 1)


def conv(builder: Builder, value: Value, weights: Array, bias: Array | None, window: Sliding, groups: int = 1) -> Value:
    """weights: [O, C / groups, KH, KW] or [O, C / groups, K]. bias: [O]."""
    window, kernel = _square(value, window, weights.shape[2:])
    weights = weights.reshape(*weights.shape[:2], *kernel)
    out_channels, depth, channels = weights.shape[0], weights.shape[1], value.shape[1]
    if groups < 1 or depth * groups != channels or out_channels % groups or min(weights.shape) < 1:
        raise ModelError(f"weights {list(weights.shape)} in {groups} groups for {channels} channels")
    if groups == 1:
        source, weights = _channels_in_any_order(builder, value, weights)
    else:
        source = image(builder, value)
    stride, dilation, padding = window.resolved(kernel, source.shape[1:3])
    if depth == 1 and groups > 1:
        op: Conv2D | DepthwiseConv2D = DepthwiseConv2D(*stride, *dilation, padding)
        stored = weights.transpose(1, 2, 3, 0)
    else:
        op = Conv2D(*stride, *dilation, padding)
        stored = weights.transpose(0, 2, 3, 1)
    output = builder.add(op, _with_parameters(builder, source, stored, bias))
    return _from_image(builder, output, value)


def _channels_in_any_order(builder: Builder, value: Value, weights: Array) -> tuple[Tensor, Array]:
    """The image with its channels as they happen to be stored, and weights [O, C, KH, KW] that read them so.

    Only where that saves a move: what a shuffle of channels left behind is undone offline.
    """
    cut, axes = value.cut, _axes(value)
    rows = tuple(side for axis in axes[1:3] if axis is not None for side in cut.groups[axis])
    channels = cut.order[len(rows) :]
    if cut.order[: len(rows)] != rows or channels == cut.groups[1]:
        return image(builder, value), weights
    image_sides = tuple(1 if axis is None else value.shape[axis] for axis in axes)
    stated = weights.reshape(weights.shape[0], *cut.sizes(cut.groups[1]), *weights.shape[2:])
    order = [1 + cut.groups[1].index(side) for side in channels]
    permuted = stated.transpose(0, *order, stated.ndim - 2, stated.ndim - 1)
    return builder.shaped(value.tensor, image_sides), permuted.reshape(weights.shape)


def _with_parameters(builder: Builder, source: Tensor, weights: Array, bias: Array | None) -> list[Tensor]:
    inputs = [source, builder.constant(weights, "weights")]
    return inputs if bias is None else [*inputs, builder.constant(bias, "bias")]


def conv_transpose(
    builder: Builder,
    value: Value,
    weights: Array,
    bias: Array | None,
    window: Sliding,
    extra: Sequence[int] = (),
    groups: int = 1,
) -> Value:
    """weights: [C, O, KH, KW] or [C, O, K]. extra: rows and columns added behind (ONNX: output_padding)."""
    extra = _sides(extra, len(weights.shape) - 2, 0)
    window, kernel = _square(value, window, weights.shape[2:])
    weights = weights.reshape(*weights.shape[:2], *kernel)
    if groups != 1:
        raise UnsupportedError(f"a transposed convolution in {groups} groups; resize and convolve instead")
    if weights.shape[0] != value.shape[1] or min(weights.shape) < 1:
        raise ModelError(f"weights {list(weights.shape)} for {value.shape[1]} channels")
    if window.auto.startswith("SAME"):
        raise UnsupportedError(f"a transposed convolution with auto_pad {window.auto}; export it with explicit padding")
    source = image(builder, value)
    stride, dilation, padding = window.resolved(kernel, source.shape[1:3])
    if dilation != (1, 1):
        raise UnsupportedError("a transposed convolution with dilation")
    extra = [*extra, 0][:2]
    padding = padding._replace(bottom=padding.bottom - extra[0], right=padding.right - extra[1])
    inputs = _with_parameters(builder, source, weights.transpose(1, 2, 3, 0), bias)
    return _from_image(builder, builder.add(TransposeConv(*stride, padding), inputs), value)


def max_pool(builder: Builder, value: Value, kernel: Sequence[int], window: Sliding) -> Value:
    window, sides = _square(value, window, kernel)
    source = image(builder, value)
    stride, dilation, padding = window.resolved(sides, source.shape[1:3])
    if dilation != (1, 1):
        raise UnsupportedError("a pool with dilation")
    return _from_image(builder, builder.add(MaxPool2D(*sides, *stride, padding), [source]), value)


def average_pool(
    builder: Builder, value: Value, kernel: Sequence[int], window: Sliding, count_padding: bool = False
) -> Value:
    """count_padding: the zeros around the image count as pixels; a border of real zeros is put around it then."""
    window, sides = _square(value, window, kernel)
    source = image(builder, value)
    stride, dilation, padding = window.resolved(sides, source.shape[1:3])
    if dilation != (1, 1):
        raise UnsupportedError("a pool with dilation")
    if count_padding and any(padding):
        counted = padding if window.auto else _counted(window)
        border = [(counted.top, counted.bottom), (counted.left, counted.right)][: len(value.shape) - 2]
        value = pad(builder, value, [(0, 0), (0, 0), *border], 0.0, "border")
        source = image(builder, value)
        padding = Padding(*(wide - inner for wide, inner in zip(padding, counted, strict=True)))
    # a float pool may become any op that computes the same; a quantized one keeps TFLite's rounding of pools
    if sides == source.shape[1:3] and not any(padding) and value.tensor not in builder.dequantized:
        return mean(builder, value, range(2, len(value.shape)), keep=True)
    return _from_image(builder, builder.add(AveragePool2D(*sides, *stride, padding), [source]), value)


def _counted(window: Sliding) -> Padding:
    """The padding without what partial windows add."""
    (top, left), (bottom, right) = _sides(window.before, 2, 0), _sides(window.after, 2, 0)
    return Padding(top, bottom, left, right)


def adaptive_average_pool(builder: Builder, value: Value, sizes: Sequence[int]) -> Value:
    """An average down to `sizes` pixels, which must divide the image."""
    spatial = value.shape[2:]
    if len(sizes) != len(spatial) or min(sizes, default=0) < 1:
        raise ModelError(f"an output of {list(sizes)} from {list(value.shape)}")
    if all(size == 1 for size in sizes):
        return mean(builder, value, range(2, len(value.shape)), keep=True)
    if any(side % size for side, size in zip(spatial, sizes, strict=True)):
        raise UnsupportedError(f"an adaptive pool from {list(spatial)} to {list(sizes)}, which does not divide it")
    kernel = [side // size for side, size in zip(spatial, sizes, strict=True)]
    return average_pool(builder, value, kernel, Sliding(stride=kernel))


Interpolation = tuple[Array, Array]  # per axis the weights [out, in] that the source means


def nearest_weights(positions: Array, size_in: int) -> Array:
    """[out, in]: 1 where output i copies input positions[i]."""
    return np.eye(size_in, dtype=np.float32)[np.clip(positions, 0, size_in - 1).astype(np.int64)]


def linear_weights(positions: Array, size_in: int) -> Array:
    """[out, in]: the weights with which output i interpolates at positions[i], clamped to the image."""
    inside = np.clip(positions, 0, size_in - 1)
    low = np.floor(inside).astype(np.int64)
    high = np.minimum(low + 1, size_in - 1)
    weights = np.zeros((len(positions), size_in))
    rows = np.arange(len(positions))
    weights[rows, low] += 1 - (inside - low)
    weights[rows, high] += inside - low
    return weights


def resize(builder: Builder, value: Value, meant: Interpolation, bilinear: bool) -> Value:
    """An image resized by the op and the mode that give exactly the weights that the source means.

    meant: weights [out, in] for rows and columns; for a signal the second is [[1]].
    """
    source = image(builder, value)
    height, width = (len(weights) for weights in meant)
    for corners, centres in ((False, False), (False, True), (True, False)):
        op = (ResizeBilinear if bilinear else ResizeNearest)(height, width, corners, centres)
        sizes = zip(source.shape[1:3], meant, strict=True)
        if all(np.allclose(_weights(op, side, len(wanted)), wanted, atol=1e-5) for side, wanted in sizes):
            try:
                return _from_image(builder, builder.add(op, [source]), value)
            except ShapeError as error:
                raise UnsupportedError(str(error)) from error
    kind = "bilinear" if bilinear else "nearest"
    raise UnsupportedError(f"a {kind} resize whose positions are those of no TFLite mode")


def _weights(op: ResizeBilinear | ResizeNearest, size_in: int, size_out: int) -> Array:
    if isinstance(op, ResizeNearest):
        return nearest_weights(op.sources(size_in, size_out), size_in)
    low, high, fraction = op.float_taps(size_in, size_out)
    weights = np.zeros((size_out, size_in))
    rows = np.arange(size_out)
    np.add.at(weights, (rows, low), 1 - fraction)
    np.add.at(weights, (rows, high), fraction)
    return weights


def require_resizable(sizes: Sequence[int]) -> None:
    if not all(1 <= size <= MAX_RESIZED_SIDE for size in sizes):
        raise UnsupportedError(f"a size of {list(sizes)}; sides of 1 to {MAX_RESIZED_SIDE} are supported")
