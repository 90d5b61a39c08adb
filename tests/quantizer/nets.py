"""Small float networks with random weights, and inputs for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml.ir import Activation, Array, DType, Graph, Node, Op, Padding, Tensor
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected, Mean, Softmax

AROUND = Padding(1, 1, 1, 1)


class FloatNet:
    """A float graph under construction."""

    def __init__(self, *shape: int, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.inputs = [Tensor("image", shape, DType.FLOAT32)]
        self.nodes: list[Node] = []

    @property
    def input(self) -> Tensor:
        return self.inputs[0]

    def add(self, op: Op, *inputs: Tensor, name: str = "") -> Tensor:
        """The first output of a new node."""
        name = name or f"{op.kind}_{len(self.nodes)}"
        shapes = op.infer(inputs)
        outputs = tuple(Tensor(name if not i else f"{name}_{i}", s, DType.FLOAT32) for i, s in enumerate(shapes))
        self.nodes.append(Node(name, op, inputs, outputs))
        return outputs[0]

    def constant(self, values: Array | Sequence[float], name: str = "constant") -> Tensor:
        return Tensor.constant(f"{name}_{len(self.nodes)}", np.asarray(values, np.float32))

    def weights(self, shape: tuple[int, ...], taps: int) -> Tensor:
        return self.constant(self.rng.normal(0, np.sqrt(2 / taps), shape), "weights")

    def bias(self, channels: int) -> Tensor:
        return self.constant(self.rng.normal(0, 0.1, channels), "bias")

    def conv(
        self, x: Tensor, channels: int, kernel: int = 3, act: Activation = Activation.RELU, name: str = ""
    ) -> Tensor:
        filters = self.weights((channels, kernel, kernel, x.shape[3]), kernel * kernel * x.shape[3])
        around = AROUND if kernel == 3 else Padding()
        return self.add(Conv2D(padding=around, activation=act), x, filters, self.bias(channels), name=name)

    def depthwise(self, x: Tensor, act: Activation = Activation.RELU, stride: int = 1, name: str = "") -> Tensor:
        filters = self.weights((1, 3, 3, x.shape[3]), 9)
        op = DepthwiseConv2D(stride, stride, padding=AROUND, activation=act)
        return self.add(op, x, filters, self.bias(x.shape[3]), name=name)

    def dense(self, x: Tensor, features: int, act: Activation = Activation.NONE, name: str = "") -> Tensor:
        filters = self.weights((features, x.shape[-1]), x.shape[-1])
        return self.add(FullyConnected(act), x, filters, self.bias(features), name=name)

    def graph(self, *outputs: Tensor, name: str = "net") -> Graph:
        return Graph(name, tuple(self.nodes), tuple(self.inputs), outputs)


def classifier(seed: int = 0) -> Graph:
    """Convolution, depthwise, pointwise, mean, dense, softmax: a small DS-CNN on 8x8x3."""
    net = FloatNet(1, 8, 8, 3, seed=seed)
    x = net.conv(net.input, 8, name="stem")
    x = net.conv(net.depthwise(x, name="depthwise"), 12, 1, name="pointwise")
    x = net.dense(net.add(Mean((1, 2)), x, name="mean"), 5, name="logits")
    return net.graph(net.add(Softmax(), x, name="scores"))


def outlier_net(times: float = 1000.0) -> Graph:
    """Three convolutions; one channel of the first is `times` as large, and the second takes that back."""
    net = FloatNet(1, 8, 8, 3, seed=3)
    x = net.conv(net.input, 8, name="first")
    x = net.conv(x, 8, name="second")
    graph = net.graph(net.conv(x, 4, 1, Activation.NONE, name="third"))
    first, second, third = graph.nodes
    grown, shrunk = np.ones(8, np.float32), np.ones(8, np.float32)
    grown[5], shrunk[5] = times, 1 / times
    nodes = (
        _with_constants(first, first.inputs[1].values * grown[:, None, None, None], first.inputs[2].values * grown),
        _with_constants(second, second.inputs[1].values * shrunk, second.inputs[2].values),
        third,
    )
    return Graph("outlier", nodes, graph.inputs, graph.outputs)


def outlier_before_depthwise(times: float = 1000.0) -> Graph:
    """As `outlier_net`, but a depthwise layer, whose weights have a scale per channel, takes the outlier back."""
    net = FloatNet(1, 8, 8, 3, seed=3)
    x = net.depthwise(net.conv(net.input, 8, name="first"), name="second")
    graph = net.graph(net.conv(x, 4, 1, Activation.NONE, name="third"))
    first, second, third = graph.nodes
    grown = np.ones(8, np.float32)
    grown[5] = times
    nodes = (
        _with_constants(first, first.inputs[1].values * grown[:, None, None, None], first.inputs[2].values * grown),
        _with_constants(second, second.inputs[1].values / grown, second.inputs[2].values),
        third,
    )
    return Graph("outlier", nodes, graph.inputs, graph.outputs)


def _with_constants(node: Node, weights: Array, bias: Array) -> Node:
    constants = (Tensor.constant("w", weights), Tensor.constant("b", bias))
    return Node(node.name, node.op, (node.inputs[0], *constants), node.outputs)


def samples(graph: Graph, count: int, seed: int = 0) -> list[tuple[Array, ...]]:
    """Smooth noise between -1 and 1."""
    rng = np.random.default_rng(seed)
    return [tuple(_smooth(rng, tensor) for tensor in graph.inputs) for _ in range(count)]


def _smooth(rng: np.random.Generator, tensor: Tensor) -> Array:
    noise = rng.normal(size=tensor.shape)
    for axis in range(1, noise.ndim - 1):
        noise = noise + 0.7 * np.roll(noise, 1, axis)
    scaled: Array = np.tanh(noise * rng.uniform(0.3, 1.0)).astype(np.float32)
    return scaled
