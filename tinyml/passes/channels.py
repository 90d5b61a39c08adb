"""Channels taken out of a graph, through everything that hands them on.

A channel is an index of the last side of a tensor. Where an op hands channels on (pointwise, depthwise, pools, ADD, ..)
the channels of its operands and outputs are linked: they go together or stay together. A dense layer (CONV_2D,
FULLY_CONNECTED, TRANSPOSE_CONV) links nothing: it can give up any output, and those inputs that the caller says it can
do without. Graph inputs and outputs, and operands and outputs of all other ops, stay.

The greatest set of channels that obeys this is found by starting with all of them and dropping what breaks a rule,
until nothing does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from tinyml.ir import Array, DType, Graph, Node, Quant, Tensor
from tinyml.ops import (
    Concatenation,
    DepthwiseConv2D,
    Mean,
    Pad,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Split,
    StridedSlice,
    Transpose,
)
from tinyml.ops.broadcast import Broadcast
from tinyml.ops.pointwise import Pointwise
from tinyml.ops.pool import Pool
from tinyml.passes.filters import bias_of, grouped_filters, is_dense, is_layer, is_quantized, zero_point_of_weights

Masks = Mapping[Tensor, Array]  # bool per channel


class Link(NamedTuple):
    """Channel m of `many` stays or goes with channel places[m] of `one`."""

    one: Tensor
    many: Tensor
    places: Array


@dataclass(frozen=True)
class Filters:
    """Weights of a dense layer, int64 [outputs, taps, inputs], centred, and its bias, int64 [outputs]."""

    weights: Array
    bias: Array

    @classmethod
    def of(cls, node: Node) -> Filters:
        return cls(grouped_filters(node)[0].astype(np.int64), bias_of(node))


Spared = Callable[[Node], Array]  # which input channels a dense layer can do without, bool per channel
Without = Callable[[Node, Array], Filters]  # the filters that make up for input channels gone


def removable(graph: Graph, spared: Spared) -> Masks:
    """The channels that can go, of every activation that has some and every constant that follows one."""
    gone: dict[Tensor, Array] = {t: np.ones(t.shape[-1:] or (1,), bool) for n in graph.nodes for t in _linked(n)}
    for tensor in (*graph.inputs, *graph.outputs):
        gone[tensor] = np.zeros(tensor.shape[-1:] or (1,), bool)
    dense, links = [], []
    for node in graph.nodes:
        found = list(_links(node))
        links += found
        free = {tensor for link in found for tensor in link[:2]}
        if is_dense(node):
            gone[node.inputs[0]] &= spared(node)
            dense.append(node)
            free = {node.inputs[0], node.output}
        for tensor in _linked(node):
            gone[tensor] &= tensor in free
    _settle(gone, links, dense)
    return {tensor: mask for tensor, mask in gone.items() if mask.any()}


def _settle(gone: dict[Tensor, Array], links: list[Link], dense: list[Node]) -> None:
    """Takes channels out of `gone` until it obeys every link and leaves each dense layer an input."""
    left = -1
    while left != (left := sum(int(mask.sum()) for mask in gone.values())):
        for one, many, places in links:
            gone[many] &= gone[one][places]
            gone[one][places[~gone[many]]] = False
        for node in dense:
            if gone[node.inputs[0]].all() and not gone[node.output].all():
                gone[node.inputs[0]][0] = False


def _linked(node: Node) -> tuple[Tensor, ...]:
    return (*node.operands, *node.outputs)


def _links(node: Node) -> Iterator[Link]:
    """How an op hands channels on; nothing when it does not, or in a way that is not known here."""
    if not all(is_quantized(tensor) and tensor.shape for tensor in _linked(node)):
        return
    op, source, output = node.op, node.inputs[0], node.outputs[0]
    before, after = source.shape[-1], output.shape[-1]
    if isinstance(op, DepthwiseConv2D) and is_layer(node):
        yield Link(source, output, np.arange(after) // (after // before))
    elif isinstance(op, Broadcast):
        if all(tensor.shape[-1] in (1, after) for tensor in node.inputs):
            yield from (Link(output, t, np.arange(after)) for t in node.inputs if t.shape[-1] == after)
    elif isinstance(op, Concatenation) and op.axis == len(output.shape) - 1:
        ends = np.cumsum([0, *(tensor.shape[-1] for tensor in node.inputs)])
        yield from (Link(output, t, np.arange(*ends[i : i + 2])) for i, t in enumerate(node.inputs))
    elif isinstance(op, Reshape):
        if after % before == 0:
            yield Link(source, output, np.arange(after) % before)
    elif keeps_channels(node):
        yield from (Link(tensor, output, np.arange(after)) for tensor in (*node.operands, *node.outputs[1:]))


def keeps_channels(node: Node) -> bool:
    """Whether each output channel is made of the same channel of every operand."""
    op, last = node.op, len(node.inputs[0].shape) - 1
    if isinstance(op, Mean):
        return last not in op.reduced(node.inputs[0].shape)
    if isinstance(op, Pad):
        return not op.before[last] and not op.after[last]
    if isinstance(op, StridedSlice):
        whole = (op.begin[last], op.size[last], op.stride[last]) == (0, node.inputs[0].shape[last], 1)
        return whole and last not in op.shrink
    if isinstance(op, Transpose):
        return op.permutation[last] == last
    if isinstance(op, Split | Concatenation):
        return op.axis != last
    return isinstance(op, Pointwise | Pool | ResizeBilinear | ResizeNearest)


def remove(graph: Graph, gone: Masks, without: Without) -> Graph:
    """The graph without these channels, as `removable` found them; names of what is left stay."""
    slim: dict[Tensor, Tensor] = {}
    nodes: list[Node] = []
    for tensor, mask in gone.items():
        if not mask.all():
            slim[tensor] = _sliced(tensor, len(tensor.shape) - 1, ~mask)
    for node in graph.nodes:
        if not all(tensor in gone and gone[tensor].all() for tensor in node.outputs):
            nodes.append(_slim_node(node, gone, slim, without))
    return graph.with_nodes(nodes)


def _slim_node(node: Node, gone: Masks, slim: Mapping[Tensor, Tensor], without: Without) -> Node:
    if not any(tensor in gone for tensor in _linked(node)):
        return node
    inputs = tuple(slim.get(t, t) for t in node.operands if not (t in gone and gone[t].all()))
    outputs = tuple(slim.get(tensor, tensor) for tensor in node.outputs)
    kept = ~gone[node.output] if len(outputs) == 1 and node.output in gone else None
    if is_dense(node):
        inputs = (*inputs, *_slim_dense(node, gone.get(node.inputs[0]), kept, without))
    elif isinstance(node.op, DepthwiseConv2D) and kept is not None:
        inputs = (*inputs, *(_sliced(tensor, len(tensor.shape) - 1, kept) for tensor in node.inputs[1:]))
    changes: dict[str, Any] = {}
    if isinstance(node.op, Reshape):
        changes["shape"] = outputs[0].shape
    elif isinstance(node.op, StridedSlice):
        changes["size"] = (*node.op.size[:-1], inputs[0].shape[-1])
    return replace(node, op=replace(node.op, **changes), inputs=inputs, outputs=outputs)


def _slim_dense(node: Node, gone: Array | None, kept: Array | None, without: Without) -> list[Tensor]:
    """Weights and bias of a dense layer without inputs `gone` and with outputs `kept` only."""
    made = Filters.of(node) if gone is None else without(node, gone)
    weights = node.inputs[1]
    columns = slice(None) if gone is None else ~gone
    data = (made.weights[:, :, columns] + zero_point_of_weights(node)).astype(np.int8)
    data = data.reshape(*weights.shape[:-1], -1)
    tensors = [Tensor(weights.name, data.shape, DType.INT8, weights.quant, data)]
    if len(node.inputs) > 2:
        bias = node.inputs[2]
        tensors.append(Tensor(bias.name, bias.shape, bias.dtype, bias.quant, made.bias.astype(bias.dtype.numpy)))
    elif made.bias.any():
        tensors.append(Tensor.constant(f"{node.name}/bias", made.bias.astype(np.int32), _bias_quant(node)))
    return tensors if kept is None else [_sliced(tensor, 0, kept) for tensor in tensors]


def _bias_quant(node: Node) -> Quant:
    """TFLite's scale of a bias: input scale * filter scale, in float32."""
    source, scales = node.inputs[0].affine.scale, node.inputs[1].affine.scales
    products = tuple(float(np.float32(source * scale)) for scale in scales)
    return Quant(products, (0,) * len(products), 0 if len(products) > 1 else None)


def _sliced(tensor: Tensor, axis: int, kept: Array) -> Tensor:
    """A tensor with some of its slices along an axis, its scales with them."""
    shape = (*tensor.shape[:axis], int(kept.sum()), *tensor.shape[axis + 1 :])
    quant = tensor.quant
    if quant is not None and len(quant.scales) > 1:
        places = np.flatnonzero(kept)
        # per channel means symmetric: other zero points are not looked at, and must not be when one channel is left
        quant = replace(quant, scales=tuple(quant.scales[i] for i in places), zero_points=(0,) * len(places))
    data = None if tensor.data is None else np.ascontiguousarray(np.compress(kept, tensor.data, axis))
    return Tensor(tensor.name, shape, tensor.dtype, quant, data)
