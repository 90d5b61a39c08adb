"""Two channels that always hold the same byte become one.

    w_i x_i + w_j x_j,  x_i = x_j   =>   (w_i + w_j) x_i

Output channels of a layer are equal when their weights, bias and requantization (multiplier and shift) are; of a
depthwise layer when their input channels are equal as well. Ops that hand channels on keep equal ones equal; a channel
of ADD, SUB, MUL or PRELU is what the channels of its operands are. Channels are compared at one pixel, so taps and
padding do not matter, and integer sums stay the same.

x_j goes when every dense layer that reads it can hold w_i + w_j in a weight of [-127, 127] (centred on a zero point:
in an int8), and everything between can do without it (`channels`). One of each set of equals stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tinyml.ir import Array, DType, Graph, Node, Tensor
from tinyml.ir.requantize import convolution_multipliers
from tinyml.ops import Concatenation, DepthwiseConv2D, Reshape
from tinyml.ops.broadcast import Broadcast
from tinyml.passes.channels import Filters, keeps_channels, removable, remove
from tinyml.passes.dead_nodes import dead_nodes
from tinyml.passes.filters import bias_of, grouped_filters, is_layer, zero_point_of_weights


def merge_duplicate_channels(graph: Graph) -> Graph:
    found = _Duplicates(graph)
    if not found.any:
        return graph
    gone = removable(graph, found.spared)
    return dead_nodes(remove(graph, gone, found.without)) if gone else graph


class _Duplicates:
    """Per tensor and channel, the first channel that always holds the same byte."""

    def __init__(self, graph: Graph) -> None:
        self.firsts: dict[Tensor, Array] = {}
        for node in graph.nodes:
            for tensor in node.outputs:
                self.firsts[tensor] = _first_of_each(self._keys(node, tensor))

    @property
    def any(self) -> bool:
        return any((firsts != np.arange(firsts.size)).any() for firsts in self.firsts.values())

    def spared(self, node: Node) -> Array:
        """Input channels whose weights can be added to those of the first equal one, alone and together."""
        firsts = self._of(node.inputs[0])
        mask = np.zeros(firsts.size, bool)
        places = np.flatnonzero(firsts != np.arange(firsts.size))
        if not places.size:
            return mask
        weights, zero = Filters.of(node).weights, zero_point_of_weights(node)
        least, greatest = (-128 - zero, 127 - zero) if zero else (-127, 127)
        lowest, highest = weights.copy(), weights.copy()
        for place in places:
            first = firsts[place]
            low = lowest[:, :, first] + np.minimum(weights[:, :, place], 0)
            high = highest[:, :, first] + np.maximum(weights[:, :, place], 0)
            if low.min() >= least and high.max() <= greatest:
                lowest[:, :, first], highest[:, :, first], mask[place] = low, high, True
        return mask

    def without(self, node: Node, gone: Array) -> Filters:
        filters, firsts = Filters.of(node), self._of(node.inputs[0])
        weights = filters.weights.copy()
        for place in np.flatnonzero(gone):
            weights[:, :, firsts[place]] += weights[:, :, place]
        return Filters(weights, filters.bias)

    def _of(self, tensor: Tensor) -> Array:
        known = self.firsts.get(tensor)
        return np.arange(tensor.shape[-1] if tensor.shape else 1) if known is None else known

    def _keys(self, node: Node, output: Tensor) -> Iterable[object]:
        """One key per channel of an output; channels of equal keys are equal."""
        channels = output.shape[-1] if output.shape else 1
        if output.dtype is not DType.INT8 or not all(tensor.shape for tensor in node.inputs):
            return range(channels)
        if is_layer(node):
            return self._keys_of_layer(node)
        if isinstance(node.op, Concatenation) and node.op.axis == len(output.shape) - 1:
            return ((tensor, first) for tensor in node.inputs for first in self._of(tensor).tolist())
        if isinstance(node.op, Reshape) and channels % node.inputs[0].shape[-1] == 0:
            firsts = self._of(node.inputs[0])
            return [pixel + first for pixel in range(0, channels, firsts.size) for first in firsts.tolist()]
        if isinstance(node.op, Broadcast) or keeps_channels(node):
            return zip(*(self._stretched(tensor, channels) for tensor in node.inputs), strict=True)
        return range(channels)

    def _keys_of_layer(self, node: Node) -> Iterator[object]:
        filters = grouped_filters(node)
        groups, outputs = filters.shape[:2]
        multipliers, shifts = convolution_multipliers(node.inputs[0], node.inputs[1], node.output, groups * outputs)
        # what an output reads: all channels of its group, or with one channel a group, any equal one
        reads = self._of(node.inputs[0]) if isinstance(node.op, DepthwiseConv2D) else np.arange(groups)
        read = np.repeat(reads, outputs).tolist()
        rows = [row.tobytes() for row in filters.reshape(groups * outputs, -1)]
        return zip(read, rows, bias_of(node).tolist(), multipliers, shifts, strict=True)

    def _stretched(self, tensor: Tensor, channels: int) -> list[object]:
        """A key per output channel of what it reads of one operand."""
        if tensor.is_constant:
            columns = np.ascontiguousarray(tensor.values.reshape(-1, tensor.shape[-1]).T)
            keys: list[object] = [column.tobytes() for column in columns]
        else:
            keys = self._of(tensor).tolist()
        return keys if len(keys) == channels else keys * channels


def _first_of_each(keys: Iterable[object]) -> Array:
    firsts: dict[object, int] = {}
    return np.array([firsts.setdefault(key, place) for place, key in enumerate(keys)])
