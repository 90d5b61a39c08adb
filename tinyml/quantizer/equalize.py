"""Cross-layer equalization: channel ranges balanced between two layers without changing the function.

    W2 f(W1 x + b1)  =  W2 S f(S^-1 W1 x + S^-1 b1)      for f(s x) = s f(x), s > 0, channel by channel

Source: Nagel, van Baalen, Blankevoort and Welling, Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019, arXiv 1906.04721, section 4.1: s_i = sqrt(r1_i r2_i) / r2_i makes the ranges r of channel i equal in
both. With weights per output channel, r1 loses its part in the weights' error: what a channel's range costs there is
the common scale of the activation between the layers. So r1 is the greatest value of that channel over the samples,
where the paper, for weights per tensor, takes the weights' range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyml import interpreter
from tinyml.ir import Activation, Array, Graph, Node, Op, Tensor
from tinyml.ops import (
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    LeakyRelu,
    MaxPool2D,
    Mean,
    Pad,
    Prelu,
    Relu,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
)
from tinyml.passes.rewriting import sole_reader
from tinyml.quantizer.measure import Sample, Tick
from tinyml.quantizer.prepare import scaled_weights
from tinyml.quantizer.rules import WEIGHTS_AXIS

SWEEPS = 50  # over all pairs, until no factor changes by a thousandth
LARGEST_FACTOR = 1e4
_POSITIVELY_HOMOGENEOUS = (Activation.NONE, Activation.RELU)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two layers with weights and the nodes between them, none of which anything else reads."""

    first: Node
    between: tuple[Node, ...]
    second: Node

    @property
    def channels(self) -> int:
        return self.first.output.shape[-1]


def pairs(graph: Graph) -> list[Pair]:
    """All neighbours that can be equalized, in the order of the graph."""
    found = (_pair(graph, node) for node in graph.nodes if type(node.op) in WEIGHTS_AXIS)
    return [pair for pair in found if pair]


def _pair(graph: Graph, first: Node) -> Pair | None:
    if getattr(first.op, "activation") not in _POSITIVELY_HOMOGENEOUS:  # noqa: B009 - every layer with weights has it
        return None
    between: list[Node] = []
    tensor = first.output
    while (reader := sole_reader(graph, tensor)) is not None:
        if _scales_input(reader, first.output.shape[-1]):
            return Pair(first, tuple(between), reader)
        if not _keeps_channels(reader.op, reader):
            return None
        between.append(reader)
        tensor = reader.output
    return None


def _scales_input(node: Node, channels: int) -> bool:
    """Whether the node's weights can take up a factor for each of its input's channels."""
    if isinstance(node.op, Conv2D):
        return node.inputs[1].shape[3] == channels
    if isinstance(node.op, FullyConnected):
        return node.inputs[1].shape[1] % channels == 0 and node.inputs[0].shape[-1] % channels == 0
    return isinstance(node.op, DepthwiseConv2D)


def _keeps_channels(op: Op, node: Node) -> bool:
    """Whether f(s x) = s f(x) for positive factors s per channel, the channels staying the last side."""
    if isinstance(op, MaxPool2D | AveragePool2D):
        return op.activation in _POSITIVELY_HOMOGENEOUS
    if isinstance(op, Relu):
        return op.activation is Activation.RELU
    if isinstance(op, Prelu):
        return node.inputs[1].is_constant
    if isinstance(op, Pad):
        return op.value is None and op.before[-1] == op.after[-1] == 0
    if isinstance(op, Mean):
        return len(node.inputs[0].shape) - 1 not in op.reduced(node.inputs[0].shape)
    if isinstance(op, Reshape):
        return node.output.shape[-1] % node.inputs[0].shape[-1] == 0
    return isinstance(op, LeakyRelu | ResizeBilinear | ResizeNearest)


def equalize(graph: Graph, samples: Sequence[Sample], tick: Tick) -> Graph:
    """The same function with equalized channels; the graph itself when no two layers can be.

    Tensors whose values changed get the suffix "/equalized".
    """
    found = pairs(graph)
    if not found:
        return graph
    factors = _factors(found, _peaks(graph, found, samples, tick))
    return _rescaled(graph, found, factors)


def _peaks(graph: Graph, found: Sequence[Pair], samples: Sequence[Sample], tick: Tick) -> Mapping[Pair, Array]:
    """Per pair the greatest magnitude of each channel behind the first layer, over the samples."""
    peaks = {pair: np.zeros(pair.channels) for pair in found}
    for sample in samples:
        values = interpreter.run_all(graph, sample)
        for pair, peak in peaks.items():
            rows = np.abs(values[pair.first.output]).reshape(-1, pair.channels)
            np.maximum(peak, rows.max(axis=0), out=peak)
        tick()
    return peaks


def _factors(found: Sequence[Pair], peaks: Mapping[Pair, Array]) -> Mapping[Pair, Array]:
    """s per pair. A layer in two pairs is the second of one and the first of the next: swept until nothing moves."""
    factors = {pair: np.ones(pair.channels) for pair in found}
    out_of = {pair.first: pair for pair in found}
    for _ in range(SWEEPS):
        moved = 0.0
        for pair in found:
            behind = out_of.get(pair.second)
            reach = _input_reach(pair.second, pair.channels, factors[behind] if behind else None)
            used = (peaks[pair] > 0) & (reach > 0)
            wanted = np.sqrt(np.divide(peaks[pair], reach, out=np.ones(pair.channels), where=used))
            # the geometric mean is free: 1 keeps the layer's size
            wanted[used] /= np.exp(np.log(wanted[used]).mean()) if used.any() else 1.0
            wanted = np.where(used, np.clip(wanted, 1 / LARGEST_FACTOR, LARGEST_FACTOR), 1.0)
            moved = max(moved, float(np.abs(np.log(wanted / factors[pair])).max()))
            factors[pair] = wanted
        if moved < 1e-3:
            break
    return factors


def _input_reach(node: Node, channels: int, behind: Array | None) -> Array:
    """Per input channel the greatest weight that reads it, its own output channels divided by `behind`."""
    weights = np.abs(node.inputs[1].values.astype(np.float64))
    if isinstance(node.op, DepthwiseConv2D):
        scaled = weights.max(axis=(0, 1, 2)) / (1.0 if behind is None else behind)
        reach: Array = scaled.reshape(channels, -1).max(axis=1)
        return reach
    outputs = weights.shape[0]
    scaled = weights.reshape(outputs, -1, channels).max(axis=1) / (1.0 if behind is None else behind[:, None])
    return np.asarray(scaled.max(axis=0))


def _rescaled(graph: Graph, found: Sequence[Pair], factors: Mapping[Pair, Array]) -> Graph:
    nodes: dict[Node, Node] = {}
    renamed: dict[Tensor, Tensor] = {}
    for pair in found:
        first = nodes.get(pair.first, pair.first)
        shrunk = scaled_weights(first, 1 / factors[pair], np.zeros(pair.channels))
        nodes[pair.first] = replace(first, inputs=(first.inputs[0], *shrunk))
        second = nodes.get(pair.second, pair.second)
        nodes[pair.second] = replace(
            second, inputs=(second.inputs[0], _grown(second, factors[pair]), *second.inputs[2:])
        )
        for node in (pair.first, *pair.between):
            renamed[node.output] = replace(node.output, name=f"{node.output.name}/equalized")

    def current(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(renamed.get(tensor, tensor) for tensor in tensors)

    changed = (nodes.get(node, node) for node in graph.nodes)
    return graph.with_nodes([replace(n, inputs=current(n.inputs), outputs=current(n.outputs)) for n in changed])


def _grown(node: Node, factor: Array) -> Tensor:
    """The weights for an input that was divided by `factor`, channel by channel."""
    weights = node.inputs[1]
    if isinstance(node.op, DepthwiseConv2D):
        spread = np.repeat(factor, weights.shape[3] // len(factor))
    else:
        spread = np.tile(factor, weights.shape[-1] // len(factor))
    return Tensor.constant(weights.name, (weights.values.astype(np.float64) * spread).astype(np.float32))
