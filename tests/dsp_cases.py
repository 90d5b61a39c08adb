"""Random one-node graphs for the kernels of the DSP extension and of Helium: multipliers as trained networks have them
and, now and then, extreme ones, pruned, saturating and wrapping channels, weights of -128, shapes around the sizes at
which the kernels change their course."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codegen.kernels.unary import TABLES
from tests.cases_elementwise import CASES as ELEMENTWISE
from tests.cases_elementwise import two_operands
from tests.cases_sums import partial_conv2d
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
from tinyml.ir import Activation, Array, Graph, Padding, Quant, Tensor
from tinyml.ops import (
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
)


def conv2d(rng: Rng) -> Graph:
    kernel = (1, 1) if rng.random() < 0.4 else (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    small = kernel[0] * kernel[1] < 10
    depth = int(rng.choice([1, 2, 3, 4, 5, 8, 16, 17, 24, 65, 70, 130])) if small else side(rng, 20)
    stride = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    height, width = side(rng, 7), 1 if rng.random() < 0.1 else side(rng, 7)
    padding = _padding(rng, height, width, kernel, stride)
    image = activation(rng, "input", (1, height, width, depth))
    filters = _pruned(rng, weights(rng, (int(rng.choice([1, 2, 3, 8, 17, 34])), *kernel, depth), 0), 0)
    return _finished(rng, Conv2D(*stride, padding=padding, activation=_fused(rng)), image, filters, 0)


def depthwise_conv2d(rng: Rng) -> Graph:
    kernel = (3, 3) if rng.random() < 0.4 else (int(rng.integers(1, 16)), int(rng.choice([1, 2, 3, 5, 7])))
    stride = (1, 1) if rng.random() < 0.5 else (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
    height, width = side(rng, 14), side(rng, 14)
    padding = _padding(rng, height, width, kernel, stride)
    if rng.random() < 0.15:  # a time series
        kernel, width, padding = (min(kernel[0], height), 1), 1, Padding()
    image = activation(rng, "input", (1, height, width, int(rng.choice([4, 4, 5, 7, 8, 12, 16, 21, 32, 47]))))
    filters = _pruned(rng, weights(rng, (1, *kernel, image.shape[3]), 3), 3)
    return _finished(rng, DepthwiseConv2D(*stride, padding=padding, activation=_fused(rng)), image, filters, 3)


def fully_connected(rng: Rng) -> Graph:
    features, outputs = int(rng.integers(4, 150)), int(rng.choice([rng.integers(1, 40), 8, 16, 24, 40]))
    image = activation(rng, "input", (side(rng, 3), features))
    filters = _pruned(rng, weights(rng, (outputs, features), 0), 0)
    if rng.random() < 0.5:
        filters = Tensor.constant("weights", filters.values, Quant.per_tensor(filters.affine.scales[0], 0))
    return _finished(rng, FullyConnected(_fused(rng)), image, filters, 0)


def add(rng: Rng) -> Graph:
    shape = (1, side(rng, 6), side(rng, 6), side(rng, 20))
    first = activation(rng, "first", shape)
    second = activation(rng, "second", shape, first.quant if rng.random() < 0.2 else None)
    scale = max(first.affine.scale, second.affine.scale) * float(rng.uniform(0.5, 3))
    return one_node(Add(_fused(rng)), [first, second], [_quant(rng, scale)])


def mul(rng: Rng) -> Graph:
    shape = (1, side(rng, 6), side(rng, 6), side(rng, 40))
    other = shape if rng.random() < 0.4 else (1, 1, 1, shape[3])
    first, second = activation(rng, "first", shape), activation(rng, "second", other)
    if rng.random() < 0.2:
        first, second = two_operands(rng)
    scale = first.affine.scale * second.affine.scale * float(np.exp(rng.uniform(1, 7)))
    return one_node(Mul(_fused(rng)), [first, second], [_quant(rng, scale)])


def average_pool2d(rng: Rng) -> Graph:
    return _pool(rng, AveragePool2D)


def max_pool2d(rng: Rng) -> Graph:
    return _pool(rng, MaxPool2D)


def _pool(rng: Rng, op: type[AveragePool2D] | type[MaxPool2D]) -> Graph:
    height, width = (16, 16) if rng.random() < 0.1 else (side(rng, 9), side(rng, 9))
    kernel = (height, width) if rng.random() < 0.3 else (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    stride = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    padding = tflite_padding(rng, height, width, kernel, stride, (1, 1))
    if padding is None:
        return _pool(rng, op)
    image = activation(rng, "input", (1, height, width, int(rng.choice([1, 3, 4, 5, 8, 15, 16, 17, 32, 40]))))
    return one_node(op(*kernel, *stride, padding, fused(rng)), [image], [image.affine])


def mean(rng: Rng) -> Graph:
    channels = side(rng, 40) if rng.random() < 0.7 else 16 * int(rng.integers(1, 4))
    shape = (1, 20, 20, 5) if rng.random() < 0.1 else (1, side(rng, 9), side(rng, 9), channels)
    image = activation(rng, "input", shape)
    axes = ((1, 2), (1, 2), (1, 2), (1,), (2,), (0, 1))[int(rng.integers(0, 6))]
    scale = image.affine.scale * float(np.exp(rng.uniform(-3, 1)))
    return one_node(Mean(axes, bool(rng.random() < 0.5)), [image], [_quant(rng, scale)])


def _padding(rng: Rng, height: int, width: int, kernel: tuple[int, int], stride: tuple[int, int]) -> Padding:
    """SAME, or any sides under the window's that leave an output."""
    if rng.random() < 0.5:
        return same_padding(height, width, kernel, stride, (1, 1))
    top, left = int(rng.integers(0, kernel[0])), int(rng.integers(0, kernel[1]))
    bottom = max(int(rng.integers(0, kernel[0])), kernel[0] - height - top)
    right = max(int(rng.integers(0, kernel[1])), kernel[1] - width - left)
    return Padding(top, bottom, left, right)


def _pruned(rng: Rng, filters: Tensor, axis: int) -> Tensor:
    """Now and then with filters that are all zero, and with weights of -128."""
    values = np.maximum(filters.values, -127).astype(np.int8)
    if rng.random() < 0.1:
        values[rng.random(values.shape) < 0.3] = -128
    if rng.random() < 0.3:
        zero = rng.random(values.shape[axis]) < 0.3
        np.moveaxis(values, axis, 0)[zero] = 0
    return Tensor.constant("weights", values, filters.affine)


def _finished(
    rng: Rng, op: Conv2D | DepthwiseConv2D | FullyConnected, image: Tensor, filters: Tensor, axis: int
) -> Graph:
    """The graph; its output's scale spreads the sums over int8 or far beyond. Most leave multipliers below a half; some
    have any, and biases that make sums wrap."""
    channels = filters.shape[axis]
    biases = [bias(rng, channels, image, filters)] if rng.random() < 0.8 else []
    if biases and rng.random() < 0.2:
        wild: Array = rng.integers(-(2**22), 2**22, channels).astype(np.int32)
        biases = [Tensor.constant("bias", wild, biases[0].affine)]
    top = image.affine.scale * max(filters.affine.scales)
    usual = 70 * 70 * np.sqrt(filters.size // channels) / 60  # noise makes sums that spread over some 60 steps
    spread = max(2.1, usual * float(np.exp(rng.uniform(-2, 2))))
    if rng.random() < 0.15:
        spread = float(2.0 ** rng.uniform(-2, 34))
        most: Array = rng.integers(-(2**31), 2**31, channels).astype(np.int32)
        biases = [Tensor.constant("bias", most, bias(rng, channels, image, filters).affine)]
    return one_node(op, [image, filters, *biases], [_quant(rng, top * spread)])


def _fused(rng: Rng) -> Activation:
    """Most often one that does not depend on the scale, which may leave the others a step or two."""
    usual = Activation.NONE if rng.random() < 0.5 else Activation.RELU
    return usual if rng.random() < 0.7 else fused(rng)


def _quant(rng: Rng, scale: float) -> Quant:
    """Often with a zero point in the middle, so that not everything saturates."""
    zero_point = quant(rng).zero_points[0] if rng.random() < 0.5 else int(rng.integers(-40, 40))
    return Quant.per_tensor(float(np.float32(scale)), zero_point)


CASES: dict[str, Callable[[Rng], Graph]] = {
    **{op.kind: ELEMENTWISE[op.kind] for op in TABLES},
    "partial_conv2d": partial_conv2d,
    "add": add,
    "average_pool2d": average_pool2d,
    "conv2d": conv2d,
    "depthwise_conv2d": depthwise_conv2d,
    "fully_connected": fully_connected,
    "max_pool2d": max_pool2d,
    "mean": mean,
    "mul": mul,
}
