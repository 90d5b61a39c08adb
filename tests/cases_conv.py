"""Random one-node graphs of the convolutions, pools and means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.op_graphs import (
    Rng,
    activation,
    bias,
    fused,
    one_node,
    quant,
    same_padding,
    side,
    tflite_padding,
    weights,
)
from tinyml.ir import Graph, Padding, Quant, Tensor
from tinyml.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mean, TransposeConv


def conv2d(rng: Rng) -> Graph:
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    depth, per_group = side(rng, 9), side(rng, 7)
    kernel_h, kernel_w = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    dilation = int(rng.choice([1, 1, 1, 2, 3]))
    stride_h, stride_w = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    if dilation > 1:
        stride_h = stride_w = 1
    height, width = side(rng), side(rng)
    padding = tflite_padding(rng, height, width, (kernel_h, kernel_w), (stride_h, stride_w), (dilation, dilation))
    if padding is None:
        return conv2d(rng)
    image = activation(rng, "input", (1, height, width, groups * depth))
    filters = weights(rng, (groups * per_group, kernel_h, kernel_w, depth), 0)
    biases = [bias(rng, groups * per_group, image, filters)] if rng.random() < 0.8 else []
    op = Conv2D(stride_h, stride_w, dilation, dilation, padding, fused(rng))
    return one_node(op, [image, filters, *biases], [quant(rng)])


def depthwise_conv2d(rng: Rng) -> Graph:
    channels, multiplier = side(rng, 9), int(rng.choice([1, 1, 1, 2, 3]))
    kernel = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    stride_h, stride_w = (1, 1) if rng.random() < 0.4 else (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    dilation = int(rng.choice([1, 1, 1, 2, 3])) if stride_h == stride_w == 1 else 1
    height, width = side(rng), side(rng)
    spans = [(taps - 1) * dilation + 1 for taps in kernel]
    if rng.random() < 0.3:
        padding: Padding | None = shifted_padding(rng, spans[0], spans[1])
    else:
        padding = tflite_padding(rng, height, width, kernel, (stride_h, stride_w), (dilation, dilation))
    if padding is None:
        return depthwise_conv2d(rng)
    image = activation(rng, "input", (1, height, width, channels))
    filters = weights(rng, (1, *kernel, channels * multiplier), 3)
    biases = [bias(rng, channels * multiplier, image, filters)] if rng.random() < 0.8 else []
    op = DepthwiseConv2D(stride_h, stride_w, dilation, dilation, padding, fused(rng))
    return one_node(op, [image, filters, *biases], [quant(rng)])


def shifted_padding(rng: Rng, span_h: int, span_w: int) -> Padding:
    """Padding that keeps the size at stride 1, with the centre tap anywhere."""
    top, left = int(rng.integers(0, span_h)), int(rng.integers(0, span_w))
    return Padding(top, span_h - 1 - top, left, span_w - 1 - left)


def transpose_conv(rng: Rng) -> Graph:
    depth, out_channels = side(rng, 7), side(rng, 6)
    kernel_h, kernel_w, stride_h, stride_w = (int(rng.integers(1, 6)) for _ in range(4))
    height, width = side(rng, 7), side(rng, 7)
    if rng.random() < 0.5:
        # any output that a forward SAME convolution would reduce to the input
        out_h = height * stride_h - int(rng.integers(0, stride_h))
        out_w = width * stride_w - int(rng.integers(0, stride_w))
        same = same_padding(out_h, out_w, (kernel_h, kernel_w), (stride_h, stride_w), (1, 1))
        top, left = same.top, same.left
    else:
        out_h = max(1, (height - 1) * stride_h + kernel_h + int(rng.choice([0, 0, -1, 2])))
        out_w = max(1, (width - 1) * stride_w + kernel_w + int(rng.choice([0, 0, -1, 2])))
        top = left = 0
    bottom = (height - 1) * stride_h + kernel_h - top - out_h
    right = (width - 1) * stride_w + kernel_w - left - out_w
    image = activation(rng, "input", (1, height, width, depth))
    filters = weights(rng, (out_channels, kernel_h, kernel_w, depth), 0)
    biases = [bias(rng, out_channels, image, filters)] if rng.random() < 0.7 else []
    op = TransposeConv(stride_h, stride_w, Padding(top, bottom, left, right), fused(rng))
    return one_node(op, [image, filters, *biases], [quant(rng)])


def fully_connected(rng: Rng) -> Graph:
    keep_num_dims = bool(rng.random() < 0.4)
    rank = int(rng.integers(1, 5))
    batch = 1 if rank == 4 else side(rng, 5)
    sides = (batch, side(rng, 5), side(rng, 5), side(rng, 60))[-rank:]
    # without keep_num_dims, the features may span the last sides, up to the whole input
    joined = 1 if keep_num_dims else int(rng.integers(1, len(sides) + 1))
    features, out_features = int(np.prod(sides[-joined:])), side(rng, 20)
    source = activation(rng, "input", sides)
    filters = weights(rng, (out_features, features), 0)
    if not filters.affine.is_per_channel and rng.random() < 0.3:
        shifted = Quant.per_tensor(filters.affine.scale, int(rng.integers(-128, 128)))
        filters = Tensor.constant("weights", filters.values, shifted)
    biases = [bias(rng, out_features, source, filters)] if rng.random() < 0.7 else []
    return one_node(FullyConnected(fused(rng), keep_num_dims), [source, filters, *biases], [quant(rng)])


def average_pool2d(rng: Rng) -> Graph:
    return _pool(rng, AveragePool2D)


def max_pool2d(rng: Rng) -> Graph:
    return _pool(rng, MaxPool2D)


def _pool(rng: Rng, op: type[AveragePool2D] | type[MaxPool2D]) -> Graph:
    kernel = int(rng.integers(1, 7)), int(rng.integers(1, 7))
    stride = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    height, width = side(rng), side(rng)
    padding = tflite_padding(rng, height, width, kernel, stride, (1, 1))
    if padding is None:
        return _pool(rng, op)
    image = activation(rng, "input", (1, height, width, side(rng, 9)))
    return one_node(op(*kernel, *stride, padding, fused(rng)), [image], [image.affine])


def mean(rng: Rng) -> Graph:
    if rng.random() < 0.4:
        image = activation(rng, "input", (1, side(rng), side(rng), side(rng, 9)))
        return one_node(Mean((1, 2), bool(rng.random() < 0.5)), [image], [quant(rng)])
    rank = int(rng.integers(1, 6))
    image = activation(rng, "input", [side(rng, 6) for _ in range(rank)])
    chosen = rng.permutation(rank)[: int(rng.integers(1, rank + 1))]
    axes = tuple(int(axis) - rank * int(rng.integers(0, 2)) for axis in chosen)
    return one_node(Mean(axes, bool(rng.random() < 0.5)), [image], [quant(rng)])


CASES: dict[str, Callable[[Rng], Graph]] = {
    "average_pool2d": average_pool2d,
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "fully_connected": fully_connected,
    "max_pool2d": max_pool2d,
    "mean": mean,
    "transpose_conv": transpose_conv,
}
