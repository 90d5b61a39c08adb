"""Small networks beyond int8: int16 and int8 side by side, int4 weights, int16 from end to end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.op_graphs import Rng, bias_quant
from tinyml.ir import Activation, DType, Graph, Node, Op, Padding, Quant, Tensor
from tinyml.ops import (
    Add,
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Quantize,
    Reshape,
    Softmax,
)

SAME3 = Padding(1, 1, 1, 1)


class Builder:
    """Appends nodes; outputs get scales that the values of the network fill."""

    def __init__(self, seed: int, source: Tensor) -> None:
        self.rng: Rng = np.random.default_rng(seed)
        self.nodes: list[Node] = []
        self.source = source

    def layer(self, op: Op, source: Tensor, shape: Sequence[int], axis: int, weights: DType = DType.INT8) -> Tensor:
        """A node with weights of this shape and a bias; FULLY_CONNECTED per tensor, as TFLM demands of int4."""
        low, high = (-7, 8) if weights is DType.INT4 else (-127, 128)
        channels = shape[axis]
        taps = int(np.prod(shape)) // channels
        size = 1 if isinstance(op, FullyConnected) else channels
        scales = tuple(map(float, np.float32(self.rng.uniform(0.5, 1.5, size) / (high * np.sqrt(taps)))))
        quant = Quant(scales, (0,) * size, axis if size > 1 else None)
        values = self.rng.integers(low, high, shape).astype(np.int8)
        filters = Tensor("weights", tuple(shape), weights, quant, values)
        kind = np.int64 if source.dtype is DType.INT16 else np.int32
        reach = 2000 // (1 if kind is np.int64 else 8)
        bias = self.rng.integers(-reach, reach, channels).astype(kind)
        return self.node(op, [source, filters, Tensor.constant("bias", bias, bias_quant(source, filters))])

    def node(self, op: Op, inputs: Sequence[Tensor], kind: DType | None = None, quant: Quant | None = None) -> Tensor:
        source = inputs[0]
        kind = kind or source.dtype
        quant = quant or (source.quant if kind is source.dtype else usual(kind))
        name = f"{op.kind}_{len(self.nodes)}"
        output = Tensor(name, op.infer(inputs)[0], kind, quant)
        self.nodes.append(Node(name, op, tuple(inputs), (output,)))
        return output

    def quantize(self, source: Tensor, kind: DType) -> Tensor:
        return self.node(Quantize(), [source], kind)

    def graph(self, name: str, *outputs: Tensor) -> Graph:
        return Graph(name, tuple(self.nodes), (self.source,), outputs)


def usual(kind: DType) -> Quant:
    """[-4, 4) in steps of the type."""
    return Quant.per_tensor(4 / 128 if kind is DType.INT8 else 4 / 32768)


def mixed(seed: int = 0, side: int = 12, channels: int = 6) -> Graph:
    """int8 in and out; int4 weights in the first convolution and the dense layer; the middle in int16."""
    source = Tensor("image", (1, side, side, 3), DType.INT8, usual(DType.INT8))
    net = Builder(seed, source)
    c = channels
    first = net.layer(Conv2D(padding=SAME3, activation=Activation.RELU), source, (c, 3, 3, 3), 0, DType.INT4)
    depth = net.layer(DepthwiseConv2D(padding=SAME3), first, (1, 3, 3, c), 3, DType.INT4)
    wide = net.quantize(depth, DType.INT16)
    grown = net.layer(Conv2D(activation=Activation.RELU6), wide, (3 * c, 1, 1, c), 0)
    deep = net.layer(DepthwiseConv2D(padding=SAME3), grown, (1, 3, 3, 3 * c), 3)
    shrunk = net.layer(Conv2D(), deep, (c, 1, 1, 3 * c), 0)
    total = net.node(Add(), [wide, shrunk])
    pooled = net.node(MaxPool2D(2, 2, 2, 2), [total])
    narrow = net.quantize(pooled, DType.INT8)
    mean = net.node(AveragePool2D(side // 2, side // 2, 1, 1), [narrow])
    flat = net.node(Reshape((1, c)), [mean])
    return net.graph("mixed", net.layer(FullyConnected(), flat, (5, c), 0, DType.INT4))


def all_int16(seed: int = 0, side: int = 11) -> Graph:
    """int16 from end to end, as TensorFlow's converter makes of a model in its 16x8 mode."""
    source = Tensor("image", (1, side, side, 2), DType.INT16, usual(DType.INT16))
    net = Builder(seed, source)
    first = net.layer(Conv2D(2, 2, padding=Padding(1, 1, 1, 1), activation=Activation.RELU), source, (5, 3, 3, 2), 0)
    deep = net.layer(DepthwiseConv2D(padding=SAME3), first, (1, 3, 3, 5), 3)
    total = net.node(Add(Activation.RELU), [first, deep])
    height = total.shape[1]
    mean = net.node(AveragePool2D(height, height, 1, 1), [total])
    flat = net.node(Reshape((1, 5)), [mean])
    logits = net.layer(FullyConnected(), flat, (3, 5), 0)
    return net.graph("all_int16", net.node(Softmax(), [logits], quant=Softmax.OUTPUT_QUANT_INT16), logits)
