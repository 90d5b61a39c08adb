"""Random int8 graphs with channels that are constant, saturated, unread or duplicates: for passes over channels.

Half of them are small networks of blocks as they are deployed (expand, depthwise, project; skip connections; parallel
branches), half are `random_graphs`. Then filters of their layers are damaged at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tests.networks import Net
from tests.op_graphs import Rng
from tests.random_graphs import random_graph
from tinyml.ir import Array, Graph, Node, Quant, Tensor, verify
from tinyml.ops import Add, AveragePool2D, Concatenation, DepthwiseConv2D, FullyConnected, Reshape
from tinyml.passes.filters import is_layer

SATURATING = 2_000_000
DAMAGE = ("zero", "zero_and_bias", "saturate", "unread", "duplicate")


def block_network(rng: Rng, name: str) -> Graph:
    """3 to 6 blocks of a few channels on a small image, and a dense layer behind them."""
    net = Net(name, int(rng.integers(4, 9)), int(rng.integers(1, 4)), int(rng.integers(1 << 30)))
    x = net.conv(net.input, int(rng.integers(3, 9)), 3, int(rng.integers(1, 3)))
    for _ in range(int(rng.integers(3, 7))):
        x = _block(net, rng, x)
    if rng.random() < 0.5:
        return net.finish(x, 4)
    height, width, channels = x.shape[1:]
    flat = net.add(Reshape((1, height * width * channels)), [x], x.affine) if rng.random() < 0.5 else x
    logits = net.add(FullyConnected(), [flat, *net.weights((4, x.size), x.size, 0, flat)], Quant.per_tensor(0.05, 0))
    return Graph(name, tuple(net.nodes), (net.input,), (logits,))


def _block(net: Net, rng: Rng, x: Tensor) -> Tensor:
    channels, kind = int(rng.integers(2, 9)), int(rng.integers(5))
    if kind == 0:
        return net.conv(x, channels, int(rng.integers(1, 4)))
    if kind == 1:
        return net.conv(net.depthwise(net.conv(x, channels, 1), 3), int(rng.integers(2, 9)), 1, relu=False)
    if kind == 2:
        branch = net.conv(net.depthwise(net.conv(x, channels, 1), 3), x.shape[3], 1, relu=False)
        return net.add(Add(), [x, branch] if rng.random() < 0.5 else [branch, x], Quant.per_tensor(0.05, -20))
    if kind == 3:
        branches = [net.conv(x, channels, 1), net.conv(x, int(rng.integers(1, 5)), 3)]
        return net.add(Concatenation(3), branches, branches[0].affine)
    if min(x.shape[1:3]) < 2:
        return net.depthwise(x, 3)
    return net.add(AveragePool2D(2, 2, 1, 1), [x], x.affine)


def damaged(graph: Graph, rng: Rng) -> Graph:
    """The graph with about a third of its filters made useless, in one way or another."""
    nodes = tuple(_damaged(node, rng) if is_layer(node) else node for node in graph.nodes)
    return verify(replace(graph, nodes=nodes), "int8")


def _damaged(node: Node, rng: Rng) -> Node:
    axis = 3 if isinstance(node.op, DepthwiseConv2D) else 0
    weights, count = node.inputs[1], node.inputs[1].shape[axis]
    filters = np.moveaxis(np.array(weights.values), axis, 0)
    biases = np.array(node.inputs[2].values if len(node.inputs) > 2 else np.zeros(count, np.int32))
    source = np.arange(count)
    for channel in range(count):
        if rng.random() < 0.35:
            _damage(DAMAGE[int(rng.integers(len(DAMAGE)))], channel, filters, biases, source, rng)
    made = np.ascontiguousarray(np.moveaxis(filters, 0, axis))
    tensors = [Tensor(weights.name, weights.shape, weights.dtype, _copied(weights.quant, source), made)]
    if len(node.inputs) > 2:
        bias = node.inputs[2]
        tensors.append(Tensor(bias.name, bias.shape, bias.dtype, _copied(bias.quant, source), biases))
    return replace(node, inputs=(node.inputs[0], *tensors))


def _damage(how: str, channel: int, filters: Array, biases: Array, source: Array, rng: Rng) -> None:
    if how in ("zero", "zero_and_bias"):
        filters[channel] = 0
        biases[channel] = int(rng.integers(-3000, 3000)) if how == "zero_and_bias" else 0
    elif how == "saturate":
        biases[channel] = int(rng.choice([-SATURATING, SATURATING]))
    elif how == "unread":
        filters[..., channel % filters.shape[-1]] = 0
    elif channel:
        first = int(rng.integers(channel))
        filters[channel], biases[channel], source[channel] = filters[first], biases[first], source[first]


def _copied(quant: Quant | None, source: Array) -> Quant | None:
    """Scales of duplicates are those of what they duplicate."""
    if quant is None or len(quant.scales) == 1:
        return quant
    return replace(quant, scales=tuple(quant.scales[i] for i in source))


def pruned_graphs(seed: int, count: int) -> Iterator[Graph]:
    """Graphs; the i-th depends on the seed and i alone."""
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        make = block_network if index % 2 else random_graph
        yield damaged(make(rng, f"pruned_{seed}_{index}"), rng)
