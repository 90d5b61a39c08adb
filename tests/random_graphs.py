"""Random int8 graphs of 3 to 12 nodes, built straight from the SDK's ops.

A graph grows step by step: each step puts a random op behind a random live tensor and runs it on sample data, so that
the output's quantization fits what the op really gives and values stay alive to the end. What nobody reads in the end
is an output. Every graph can be written as .tflite and run by TFLM.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tests.graph_growth import MAX_ELEMENTS, GraphGrowth, Misfit, Outputs, Step
from tests.op_graphs import Rng, same_padding, tflite_padding
from tinyml.ir import Activation, Graph, Op, Padding, Shape, Tensor, verify
from tinyml.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
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

MAX_CHANNELS = 13
MAX_PIXELS = 64  # of an inverted residual


def image_sides(x: Tensor) -> Shape:
    """(height, width, channels)."""
    if len(x.shape) != 4 or x.shape[0] != 1:
        raise Misfit
    return x.shape[1:]


def window_padding(
    g: GraphGrowth, sides: Shape, kernel: Sequence[int], stride: Sequence[int], dilation: int
) -> Padding:
    """SAME, VALID, or any four sides."""
    if g.rng.random() < 0.25:
        return Padding(*g.integers(0, 3, 4))
    height, width, both = sides[0], sides[1], (dilation, dilation)
    stated = tflite_padding(g.rng, height, width, kernel, stride, both)
    return stated or same_padding(height, width, kernel, stride, both)


def stride_and_dilation(g: GraphGrowth) -> tuple[list[int], int]:
    """Only one of them above 1, as TFLite's converter has it."""
    dilation = int(g.rng.choice([1, 1, 1, 2, 3]))
    return (g.integers(1, 4, 2) if dilation == 1 and g.rng.random() < 0.6 else [1, 1]), dilation


def conv2d(g: GraphGrowth, x: Tensor, kernel: Sequence[int] = ()) -> Outputs:
    sides = image_sides(x)
    kernel = kernel or g.integers(1, 5, 2)
    groups = 2 if sides[2] % 2 == 0 and g.rng.random() < 0.15 else 1
    channels, depth = groups * int(g.rng.integers(1, MAX_CHANNELS // groups + 1)), sides[2] // groups
    stride, dilation = stride_and_dilation(g)
    terms = kernel[0] * kernel[1] * depth
    filters = g.weights(x, (channels, kernel[0], kernel[1], depth), 0, terms)
    biases = g.bias(x, filters, channels, terms)
    padding = window_padding(g, sides, kernel, stride, dilation)
    return g.apply(Conv2D(stride[0], stride[1], dilation, dilation, padding, g.fused()), x, filters, *biases)


def depthwise_conv2d(g: GraphGrowth, x: Tensor) -> Outputs:
    sides, kernel = image_sides(x), g.integers(1, 5, 2)
    channels = sides[2] * int(g.rng.choice([1, 1, 1, 2, 3]))
    stride, dilation = stride_and_dilation(g)
    filters = g.weights(x, (1, kernel[0], kernel[1], channels), 3, kernel[0] * kernel[1])
    biases = g.bias(x, filters, channels, kernel[0] * kernel[1])
    padding = window_padding(g, sides, kernel, stride, dilation)
    return g.apply(DepthwiseConv2D(stride[0], stride[1], dilation, dilation, padding, g.fused()), x, filters, *biases)


def transpose_conv(g: GraphGrowth, x: Tensor) -> Outputs:
    sides, kernel, stride = image_sides(x), g.integers(1, 4, 2), g.integers(1, 3, 2)
    channels = int(g.rng.integers(1, 7))
    if g.rng.random() < 0.5:
        size = [side * s - int(g.rng.integers(0, s)) for side, s in zip(sides, stride, strict=False)]
        padding = same_padding(size[0], size[1], kernel, stride, (1, 1))
    else:
        size = [(side - 1) * s + k for side, s, k in zip(sides, stride, kernel, strict=False)]
        padding = Padding()
    bottom = (sides[0] - 1) * stride[0] + kernel[0] - padding.top - size[0]
    right = (sides[1] - 1) * stride[1] + kernel[1] - padding.left - size[1]
    terms = kernel[0] * kernel[1] * sides[2]
    filters = g.weights(x, (channels, kernel[0], kernel[1], sides[2]), 0, terms)
    biases = g.bias(x, filters, channels, terms)
    op = TransposeConv(stride[0], stride[1], Padding(padding.top, bottom, padding.left, right), g.fused())
    return g.apply(op, x, filters, *biases)


def fully_connected(g: GraphGrowth, x: Tensor) -> Outputs:
    keep = bool(g.rng.random() < 0.3)
    features = x.shape[-1] if keep else x.size
    if features > 400:
        raise Misfit
    channels = int(g.rng.integers(1, 20))
    filters = g.weights(x, (channels, features), 0, features)
    return g.apply(FullyConnected(g.fused(), keep), x, filters, *g.bias(x, filters, channels, features))


def pool(g: GraphGrowth, x: Tensor) -> Outputs:
    sides, kernel, stride = image_sides(x), g.integers(1, 4, 2), g.integers(1, 4, 2)
    padding = tflite_padding(g.rng, sides[0], sides[1], kernel, stride, (1, 1))
    if padding is None:
        raise Misfit
    op = (AveragePool2D, MaxPool2D)[int(g.rng.integers(2))]
    return g.apply(op(kernel[0], kernel[1], stride[0], stride[1], padding, g.fused()), x)


def mean(g: GraphGrowth, x: Tensor) -> Outputs:
    image_sides(x)
    axes = ((1, 2), (1, 2), (1,), (2,), (3,), (2, 3))[int(g.rng.integers(6))]
    return g.apply(Mean(axes, bool(g.rng.random() < 0.7)), x)


def sum_or_product(g: GraphGrowth, x: Tensor) -> Outputs:
    """ADD, SUB or MUL with a live tensor of the same shape, or with a constant."""
    op = (Add, Add, Sub, Mul)[int(g.rng.integers(4))](g.fused())
    partners = [t for t in g.live if t.shape == x.shape and t is not x]
    if partners and g.rng.random() < 0.85:
        operands = [x, g.pick(partners)]
    else:
        shape = ((1,) * (len(x.shape) - 1) + x.shape[-1:], x.shape, (1,))[int(g.rng.integers(3))]
        data = g.rng.integers(-128, 128, shape).astype(np.int8)
        operands = [x, g.constant("operand", data, g.fit(*sorted(g.rng.normal(0, 1, 2))))]
    return g.apply(op, *(operands if g.rng.random() < 0.6 else operands[::-1]))


def squeeze_excite(g: GraphGrowth, x: Tensor) -> Outputs:
    """The image times one gate per channel, made from its mean."""
    channels = image_sides(x)[2]
    (squeezed,) = g.apply(Mean((1, 2), True), x)
    filters = g.weights(squeezed, (channels, 1, 1, channels), 0, channels)
    (excited,) = g.apply(Conv2D(), squeezed, filters, *g.bias(squeezed, filters, channels, channels))
    (gate,) = g.apply(Logistic(), excited)
    return g.apply(Mul(), *((x, gate) if g.rng.random() < 0.5 else (gate, x)))


def residual(g: GraphGrowth, x: Tensor) -> Outputs:
    """The image plus a 3x3 convolution of itself."""
    channels = image_sides(x)[2]
    filters = g.weights(x, (channels, 3, 3, channels), 0, 9 * channels)
    op = Conv2D(padding=Padding(1, 1, 1, 1), activation=g.fused())
    (branch,) = g.apply(op, x, filters, *g.bias(x, filters, channels, 9 * channels))
    return g.apply(Add(g.fused()), *((x, branch) if g.rng.random() < 0.5 else (branch, x)))


def inverted_residual(g: GraphGrowth, x: Tensor) -> Outputs:
    """An expansion, a depthwise layer and a projection over few pixels, mostly with a sum around them where that fits:
    what can run in slices of channels."""
    sides = image_sides(x)
    pixels, channels = sides[0] * sides[1], sides[2]
    most = min(8 * channels, MAX_ELEMENTS // pixels)
    if pixels > MAX_PIXELS or most < 8:
        raise Misfit
    (wide,) = pointwise(g, x, int(g.rng.integers(most // 2, most + 1)), g.fused())
    kernel, stride = [int(g.rng.choice([3, 3, 5, 7]))] * 2, [int(g.rng.choice([1, 1, 2]))] * 2
    filters = g.weights(wide, (1, *kernel, wide.shape[3]), 3, kernel[0] * kernel[1])
    padding = window_padding(g, wide.shape[1:], kernel, stride, 1)
    op = DepthwiseConv2D(*stride, padding=padding, activation=g.fused())
    (through,) = g.apply(op, wide, filters, *g.bias(wide, filters, wide.shape[3], kernel[0] * kernel[1]))
    same = through.shape[1:3] == x.shape[1:3] and g.rng.random() < 0.7
    (narrow,) = pointwise(g, through, channels if same else int(g.rng.integers(1, MAX_CHANNELS + 1)))
    return g.apply(Add(), x, narrow) if same and g.rng.random() < 0.8 else (narrow,)


def pointwise(g: GraphGrowth, x: Tensor, channels: int, activation: Activation = Activation.NONE) -> Outputs:
    filters = g.weights(x, (channels, 1, 1, x.shape[3]), 0, x.shape[3])
    return g.apply(Conv2D(activation=activation), x, filters, *g.bias(x, filters, channels, x.shape[3]))


def concatenation(g: GraphGrowth, x: Tensor) -> Outputs:
    """Live tensors that fit, and sometimes a constant, brought to one quantization."""
    axis = int(g.rng.integers(1, len(x.shape))) if len(x.shape) > 1 else 0
    fitting = [t for t in g.live if len(t.shape) == len(x.shape) and without(t.shape, axis) == without(x.shape, axis)]
    parts = [x, *(g.pick(fitting) for _ in range(int(g.rng.integers(1, 3))))]
    if g.rng.random() < 0.15:
        data = g.rng.integers(-128, 128, (*x.shape[:axis], 2, *x.shape[axis + 1 :])).astype(np.int8)
        parts[1] = g.constant("part", data, x.affine)
    target = g.pick(parts).affine
    return g.apply(Concatenation(axis), *(g.requantized(part, target) for part in parts))


def without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def pad(g: GraphGrowth, x: Tensor) -> Outputs:
    image_sides(x)
    before, after = ((0, *g.integers(0, 3, 2), int(g.rng.choice([0, 0, 0, 2]))) for _ in range(2))
    return g.apply(Pad(before, after, int(g.rng.integers(-128, 128)) if g.rng.random() < 0.2 else None), x)


def unary(g: GraphGrowth, x: Tensor) -> Outputs:
    ops: tuple[Op, ...] = (
        Relu(),
        Relu(Activation.RELU6),
        LeakyRelu(float(np.float32(g.rng.choice([0.01, 0.2, 0.3, -0.5, 1.5])))),
        HardSwish(),
        Logistic(),
        Tanh(),
        Quantize(),
    )
    return g.apply(ops[int(g.rng.integers(len(ops)))], x)


def prelu(g: GraphGrowth, x: Tensor) -> Outputs:
    shape = (1, 1, image_sides(x)[2])
    return g.apply(Prelu(), x, g.constant("slopes", g.rng.integers(-128, 128, shape).astype(np.int8), g.fit(-0.1, 0.5)))


def softmax(g: GraphGrowth, x: Tensor) -> Outputs:
    if x.shape[-1] >= 512:
        raise Misfit  # TFLM ends the process on 512 equal values
    return g.apply(Softmax(), x)


def resize(g: GraphGrowth, x: Tensor) -> Outputs:
    image_sides(x)
    corners, centers = [(False, False), (True, False), (False, True)][int(g.rng.integers(3))]
    op = (ResizeBilinear, ResizeNearest)[int(g.rng.integers(2))]
    height, width = g.integers(1, 12, 2)
    return g.apply(op(height, width, corners, centers), x)


def strided_slice(g: GraphGrowth, x: Tensor) -> Outputs:
    begin, size, stride = [], [], []
    for side in x.shape:
        step = int(g.rng.choice([1, 1, 1, 2, 3, -1]))
        first = int(g.rng.integers(0, side)) if g.rng.random() < 0.5 else 0 if step > 0 else side - 1
        room = (side - 1 - first if step > 0 else first) // abs(step) + 1
        begin.append(first)
        size.append(room if g.rng.random() < 0.6 else int(g.rng.integers(1, room + 1)))
        stride.append(step)
    return g.apply(StridedSlice(tuple(begin), tuple(size), tuple(stride)), x)


def split(g: GraphGrowth, x: Tensor) -> Outputs:
    choices = [(axis, n) for axis in range(1, len(x.shape)) for n in (2, 3) if x.shape[axis] % n == 0]
    if not choices:
        raise Misfit
    return g.apply(Split(*choices[int(g.rng.integers(len(choices)))]), x)


def transpose(g: GraphGrowth, x: Tensor) -> Outputs:
    return g.apply(Transpose((0, *(int(axis) + 1 for axis in g.rng.permutation(len(x.shape) - 1)))), x)


def reshape(g: GraphGrowth, x: Tensor) -> Outputs:
    height = int(g.rng.choice([n for n in range(1, 13) if x.size % n == 0]))
    width = int(g.rng.choice([n for n in range(1, 13) if x.size // height % n == 0]))
    channels = x.size // height // width
    shape = (1, height, width, channels) if channels <= 40 else (1, height, width * channels)
    return g.apply(Reshape(shape if g.rng.random() < 0.85 else (1, x.size)), x)


STEPS: tuple[tuple[Step, float], ...] = (
    (conv2d, 5),
    (depthwise_conv2d, 4),
    (transpose_conv, 1.5),
    (fully_connected, 1.5),
    (pool, 2),
    (mean, 1),
    (sum_or_product, 3),
    (squeeze_excite, 1),
    (residual, 1.5),
    (inverted_residual, 2.5),
    (concatenation, 2),
    (pad, 1.5),
    (unary, 3),
    (prelu, 0.7),
    (softmax, 0.5),
    (resize, 1.5),
    (strided_slice, 1),
    (split, 1),
    (transpose, 0.7),
    (reshape, 1),
)


def random_graph(rng: Rng, name: str) -> Graph:
    """3 to about 12 nodes, up to 3 inputs; every unread tensor is an output, and now and then a read one."""
    g = GraphGrowth(rng)
    wanted = int(rng.integers(3, 12))
    steps, shares = zip(*STEPS, strict=True)
    while len(g.nodes) < wanted or any(tensor in g.unread for tensor in g.inputs):
        untouched = [tensor for tensor in g.inputs if tensor in g.unread]
        operand = g.pick(untouched) if len(g.nodes) >= wanted else g.next_operand()
        g.take(steps[int(rng.choice(len(steps), p=np.array(shares) / sum(shares)))], operand)
    inner = [tensor for tensor in g.live if tensor not in (*g.inputs, *g.unread)]
    outputs = [*g.unread, *([g.pick(inner)] if inner and rng.random() < 0.15 else [])]
    return verify(Graph(name, tuple(g.nodes), tuple(g.inputs), tuple(outputs)), "int8")


def random_graphs(seed: int, count: int) -> Iterator[Graph]:
    """Graphs; the i-th depends on the seed and i alone."""
    for index in range(count):
        yield random_graph(np.random.default_rng([seed, index]), f"graph_{seed}_{index}")
