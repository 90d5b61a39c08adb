"""Well-known networks as int8 graphs with random weights: for memory figures and speed, at any size."""

from __future__ import annotations

import numpy as np

from tests.op_graphs import Rng
from tinyml.ir import Activation, DType, Graph, Node, Op, Padding, Quant, Tensor
from tinyml.ops import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mean
from tinyml.ops.same_padding import same_padding


class Net:
    """A graph under construction. Scales keep activations alive."""

    def __init__(self, name: str, resolution: int, channels: int = 3, seed: int = 0) -> None:
        self.rng: Rng = np.random.default_rng(seed)
        self.name = name
        self.input = Tensor("image", (1, resolution, resolution, channels), DType.INT8, Quant.per_tensor(1 / 64, 0))
        self.nodes: list[Node] = []

    def add(self, op: Op, inputs: list[Tensor], quant: Quant) -> Tensor:
        (shape,) = op.infer(inputs)
        output = Tensor(f"{op.kind}_{len(self.nodes)}", shape, DType.INT8, quant)
        self.nodes.append(Node(output.name, op, tuple(inputs), (output,)))
        return output

    def weights(self, shape: tuple[int, ...], taps: int, axis: int, image: Tensor) -> list[Tensor]:
        """Filters whose sums deviate by about as much as the image's values, and their biases."""
        scale = 1 / (37 * np.sqrt(taps))
        count = shape[axis]
        values = self.rng.integers(-64, 65, shape).astype(np.int8)
        filters = Tensor.constant(f"w{len(self.nodes)}", values, Quant((scale,) * count, (0,) * count, axis))
        biases = Quant((scale * image.affine.scale,) * count, (0,) * count, 0)
        return [filters, Tensor.constant(f"b{len(self.nodes)}", self.rng.integers(-500, 500, count, np.int32), biases)]

    def conv(self, x: Tensor, channels: int, kernel: int, stride: int = 1, relu: bool = True) -> Tensor:
        depth = x.shape[3]
        operands = self.weights((channels, kernel, kernel, depth), kernel * kernel * depth, 0, x)
        op = Conv2D(stride, stride, padding=_same(x, kernel, stride), activation=_activation(relu))
        return self.add(op, [x, *operands], _quant(relu))

    def depthwise(self, x: Tensor, kernel: int, stride: int = 1) -> Tensor:
        operands = self.weights((1, kernel, kernel, x.shape[3]), kernel * kernel, 3, x)
        op = DepthwiseConv2D(stride, stride, padding=_same(x, kernel, stride), activation=Activation.RELU6)
        return self.add(op, [x, *operands], _quant(True))

    def finish(self, x: Tensor, classes: int) -> Graph:
        pooled = self.add(Mean((1, 2)), [x], x.affine)
        operands = self.weights((classes, pooled.shape[1]), pooled.shape[1], 0, pooled)
        logits = self.add(FullyConnected(), [pooled, *operands], _quant(False))
        return Graph(self.name, tuple(self.nodes), (self.input,), (logits,))


def _same(x: Tensor, kernel: int, stride: int) -> Padding:
    return same_padding(x.shape[1], x.shape[2], (kernel, kernel), (stride, stride))


def _quant(relu: bool) -> Quant:
    return Quant.per_tensor(6 / 255, -128) if relu else Quant.per_tensor(8 / 255, 0)


def _activation(relu: bool) -> Activation:
    return Activation.RELU6 if relu else Activation.NONE


def _rounded(channels: float) -> int:
    """To a multiple of 8, never below 90 % of the number (MobileNet's make_divisible)."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near


def mobilenet_v2(width: float, resolution: int, classes: int = 1000) -> Graph:
    """MobileNetV2 (arXiv 1801.04381), table 2."""
    net = Net(f"mobilenet_v2_{int(width * 100)}_{resolution}", resolution)
    x = net.conv(net.input, _rounded(32 * width), 3, 2)
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expand, channels, repeats, first_stride in table:
        for repeat in range(repeats):
            x = _inverted_residual(net, x, expand, _rounded(channels * width), first_stride if repeat == 0 else 1)
    return net.finish(net.conv(x, _rounded(1280 * max(1.0, width)), 1), classes)


def _inverted_residual(net: Net, x: Tensor, expand: int, channels: int, stride: int) -> Tensor:
    wide = net.conv(x, x.shape[3] * expand, 1) if expand > 1 else x
    narrow = net.conv(net.depthwise(wide, 3, stride), channels, 1, relu=False)
    return net.add(Add(), [x, narrow], _quant(False)) if narrow.shape == x.shape else narrow


def large_image_net() -> Graph:
    """Few layers, most of the memory in the first ones, a residual block among them."""
    net = Net("large_image", 96)
    x = net.depthwise(net.conv(net.input, 16, 3, 2), 3, 2)
    x = _inverted_residual(net, x, 4, 16, 1)
    return net.finish(net.conv(net.depthwise(net.conv(x, 32, 1), 3, 2), 24, 1), 4)


def narrow_net(side: int, channels: int, blocks: int, classes: int = 4) -> Graph:
    """What a deep network ends in: few pixels, many channels."""
    net = Net(f"narrow_{side}_{channels}_{blocks}", side, channels)
    x = net.input
    for _ in range(blocks):
        x = _inverted_residual(net, x, 6, channels, 1)
    return net.finish(x, classes)
