"""A graph at a smaller input resolution, or with fewer channels: what training it so would give, for its memory.

Only shapes are meant. Narrower weights are the first ones of the old, so the values mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from tinyml.ir import Graph, Node, Op, Quant, Shape, ShapeError, Tensor
from tinyml.ops import (
    AveragePool2D,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    StridedSlice,
    TransposeConv,
)

CHANNELS = 8  # numbers of channels that are multiples of this stay so

_Rewritten: TypeAlias = "tuple[Op, list[Tensor]]"
_SIZES_IN_ATTRIBUTES = (ResizeBilinear, ResizeNearest, StridedSlice, TransposeConv)


def with_resolution(graph: Graph, height: int) -> Graph:
    """The graph for an input image of so many rows, its columns in proportion, with the same weights.

    Raises ShapeError where its ops do not allow it: all but global pools must take images of any size, and what is
    behind these must not change.
    """
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4 or graph.inputs[0].shape[0] != 1:
        raise ShapeError("not one input image")
    image = graph.inputs[0]
    _, rows, columns, channels = image.shape
    if height * columns % rows:
        raise ShapeError(f"{rows}x{columns} has no smaller image of {height} rows in proportion")
    smaller = replace(image, shape=(1, height, height * columns // rows, channels))
    return _rebuilt(graph, {image: smaller}, _resized)


def _resized(node: Node, inputs: list[Tensor]) -> _Rewritten:
    op, (old, new) = node.op, (node.inputs[0].shape, inputs[0].shape)
    if old == new:
        return op, inputs
    if isinstance(op, _SIZES_IN_ATTRIBUTES):
        raise ShapeError(f"{op.kind} states the size of an image")
    if isinstance(op, (AveragePool2D, MaxPool2D)) and (op.kernel_h, op.kernel_w) == old[1:3]:
        return replace(op, kernel_h=new[1], kernel_w=new[2]), inputs
    return op, inputs


def with_width(graph: Graph, factor: float) -> Graph:
    """The graph with the output channels of its convolutions scaled, but for those that decide the graph's outputs.

    Raises ShapeError where the numbers of channels do not fit each other any more.
    """
    kept = _deciding_outputs(graph)

    def narrowed(node: Node, inputs: list[Tensor]) -> _Rewritten:
        return _narrowed(node, inputs, 1.0 if node in kept else factor)

    return _rebuilt(graph, {tensor: tensor for tensor in graph.inputs}, narrowed)


def _deciding_outputs(graph: Graph) -> set[Node]:
    """The last nodes on each way to an output that choose their number of channels."""
    found: set[Node] = set()
    seen: set[Tensor] = set()
    waiting = list(graph.outputs)
    while waiting:
        tensor = waiting.pop()
        node = graph.producer.get(tensor)
        if node is None or tensor in seen:
            continue
        seen.add(tensor)
        if isinstance(node.op, (Conv2D, FullyConnected)):
            found.add(node)
        else:
            waiting += [operand for operand in node.operands if not operand.is_constant]
    return found


def _narrowed(node: Node, inputs: list[Tensor], factor: float) -> _Rewritten:
    op, old = node.op, node.inputs
    if isinstance(op, TransposeConv):
        raise ShapeError(f"{op.kind} is not scaled")
    if isinstance(op, Reshape):
        return _flattened(op, old[0].shape, inputs[0]), inputs
    if isinstance(op, Conv2D) and old[1].shape[3] != old[0].shape[3]:
        raise ShapeError("a convolution in groups is not scaled")
    if isinstance(op, (Conv2D, FullyConnected)):
        count = _scaled(old[1].shape[0], factor)
        whole = isinstance(op, FullyConnected) and old[1].shape[1] == old[0].size
        depth = inputs[0].size if whole else inputs[0].shape[-1]
        weights = _cut(_cut(old[1], 0, count), len(old[1].shape) - 1, depth)
        return op, [inputs[0], weights, *(_cut(bias, 0, count) for bias in old[2:])]
    if isinstance(op, DepthwiseConv2D):
        count = old[1].shape[3] * inputs[0].shape[3] // old[0].shape[3]
        return op, [inputs[0], _cut(old[1], 3, count), *(_cut(bias, 0, count) for bias in old[2:])]
    return op, [_like(tensor, old[0], inputs[0]) if tensor.is_constant else tensor for tensor in inputs]


def _flattened(op: Reshape, old: Shape, image: Tensor) -> Op:
    """A reshape to a vector, or one that keeps the channels last."""
    if op.shape == (1, math.prod(old)):
        return replace(op, shape=(1, image.size))
    if op.shape[-1] != old[-1]:
        raise ShapeError("a reshape moves channels")
    return replace(op, shape=(*op.shape[:-1], image.shape[-1]))


def _like(constant: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """A constant per channel beside an operand whose channels became fewer."""
    per_channel = bool(constant.shape) and constant.shape[-1] == old.shape[-1] > new.shape[-1]
    return _cut(constant, len(constant.shape) - 1, new.shape[-1]) if per_channel else constant


def _scaled(channels: int, factor: float) -> int:
    unit = CHANNELS if channels % CHANNELS == 0 else 1
    return min(channels, max(1, round(channels * factor / unit)) * unit)


def _cut(tensor: Tensor, axis: int, count: int) -> Tensor:
    """The first slices of a constant along an axis."""
    if not tensor.is_constant or count > tensor.shape[axis]:
        raise ShapeError(f"{tensor.name!r} has no {count} slices")
    if count == tensor.shape[axis]:
        return tensor
    quant = tensor.quant
    if quant is not None and quant.axis == axis:
        quant = Quant(quant.scales[:count], quant.zero_points[:count], axis)
    shape = (*tensor.shape[:axis], count, *tensor.shape[axis + 1 :])
    return replace(tensor, shape=shape, quant=quant, data=tensor.values[(slice(None),) * axis + (slice(count),)])


def _rebuilt(
    graph: Graph, inputs: Mapping[Tensor, Tensor], rewrite: Callable[[Node, list[Tensor]], _Rewritten]
) -> Graph:
    """The graph with other inputs and every shape inferred anew; ShapeError unless its outputs keep theirs."""
    if graph.states:
        raise ShapeError("a state has the shapes that the model was trained with")
    new = dict(inputs)
    nodes = []
    for node in graph.nodes:
        op, operands = rewrite(node, [new.get(tensor, tensor) for tensor in node.inputs])
        shapes = op.infer(operands)
        if any(side < 1 for shape in shapes for side in shape):
            raise ShapeError("nothing is left of an image")
        outputs = tuple(replace(t, shape=shape) for t, shape in zip(node.outputs, shapes, strict=True))
        new.update(zip(node.outputs, outputs, strict=True))
        nodes.append(replace(node, op=op, inputs=tuple(operands), outputs=outputs))
    outputs = tuple(new[tensor] for tensor in graph.outputs)
    if any(a.shape != b.shape for a, b in zip(outputs, graph.outputs, strict=True)):
        raise ShapeError("the outputs change")
    return replace(graph, nodes=tuple(nodes), inputs=tuple(inputs.values()), outputs=outputs)
