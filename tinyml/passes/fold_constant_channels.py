"""A channel that holds one byte whatever the inputs goes into the bias behind it.

    sum_k sum_t (x_k[t] - z) w_k[t] + b,  x_k = c   =>   the sum without k, b + (c - z) * sum_t w_k[t]

k is an input channel of a dense layer, t its taps, z the zero point of x. A channel is constant when its interval is
one byte (`value_ranges`): an all-zero filter, a clamp that saturates for every input, and what pointwise, depthwise and
other ops make of such channels. Padding skips taps, so the sum over t may differ between border and middle; the channel
folds only when (c - z) * sum_t w_k[t] is the same for every set of taps inside the image. That is always so without
padding, and where c = z. A channel that no weight reads folds likewise, whatever it holds.

Integer sums do not depend on their order, so outputs stay equal to the byte as long as the new bias is an int32;
otherwise the layer keeps its constant channels. Then the channel goes from the layer's weights, from the layer in front
and from all between (`channels`): only where every reader can do without it. A layer keeps at least one input channel.
"""

from __future__ import annotations

import numpy as np

from tinyml.ir import Array, Graph, Node
from tinyml.ir.requantize import INT32_MAX, INT32_MIN
from tinyml.passes.channels import Filters, removable, remove
from tinyml.passes.dead_nodes import dead_nodes
from tinyml.passes.filters import tap_classes
from tinyml.passes.ranges import value_ranges
from tinyml.passes.rewriting import log


def fold_constant_channels(graph: Graph) -> Graph:
    found = _Constants(graph)
    gone = removable(graph, found.spared)
    return dead_nodes(remove(graph, gone, found.without)) if gone else graph


class _Constants:
    """What the constant inputs of dense layers add to their sums."""

    def __init__(self, graph: Graph) -> None:
        self.ranges = value_ranges(graph)

    def spared(self, node: Node) -> Array:
        """Input channels that fold into the bias, alone and together."""
        constant, unread = self.ranges[node.inputs[0]].constant, self._unread(node)
        places = np.flatnonzero(constant | unread)
        mask = np.zeros(constant.size, bool)
        if not places.size:
            return mask
        filters = Filters.of(node)
        sums = self._sums(node, filters, places)
        folds = (sums == sums[:1]).all(axis=(0, 1))
        added = np.where(folds, sums[0], 0)
        highest = filters.bias + np.maximum(added, 0).sum(axis=1)
        lowest = filters.bias + np.minimum(added, 0).sum(axis=1)
        if highest.max() > INT32_MAX or lowest.min() < INT32_MIN:
            log.debug("fold_constant_channels: %r keeps constant inputs: its bias would leave int32", node.name)
            folds &= ~added.any(axis=0)
        mask[places] = folds
        return mask

    def without(self, node: Node, gone: Array) -> Filters:
        filters = Filters.of(node)
        added = self._sums(node, filters, np.flatnonzero(gone))[0].sum(axis=1)
        return Filters(filters.weights, filters.bias + added)

    def _unread(self, node: Node) -> Array:
        weights = Filters.of(node).weights
        return np.asarray(~weights.any(axis=(0, 1)))

    def _sums(self, node: Node, filters: Filters, places: Array) -> Array:
        """What some input channels add to each output's sum, int64 [classes of taps, outputs, places]; 0 if unread."""
        values = self.ranges[node.inputs[0]].low[places] - node.inputs[0].affine.zero_point
        taps = tap_classes(node).astype(np.int64)
        return np.asarray(np.tensordot(taps, filters.weights[:, :, places] * values, (1, 1)))
