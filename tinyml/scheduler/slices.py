"""Slices of channels: an expansion, a depthwise layer and a projection, some of the wide tensors' channels at a time.

Each slice of the expansion's filters goes through its channels of the depthwise layer and leaves its part of the
projection's sums in int32, where the next slice adds its own; the last sums are rescaled. int32 sums wrap and so do not
depend on the order: the bytes stay. The wide tensors shrink to a slice, for sums of 4 bytes instead of outputs of 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tinyml.ir import DType, Graph, Node, Padding, Quant, Tensor
from tinyml.ops import Conv2D, DepthwiseConv2D, PartialConv2D, Rescale

COUNTS = (2, 4, 8)  # of slices
_MULTIPLE = 4  # of channels in a slice: kernels take them four by four


@dataclass(frozen=True, eq=False)
class Block:
    """Neighbours, of which the wide tensors between them are read by nobody else."""

    expand: Node
    depthwise: Node
    project: Node

    @property
    def nodes(self) -> tuple[Node, Node, Node]:
        return self.expand, self.depthwise, self.project


def blocks(graph: Graph) -> Iterator[Block]:
    """All that can be sliced, in order."""
    for node in graph.nodes:
        expand, project = graph.producer.get(node.inputs[0]), _sole_reader(graph, node)
        if expand is None or project is None or _sole_reader(graph, expand) is not node:
            continue
        whole = all(isinstance(n.op, Conv2D) and n.inputs[1].shape[3] == n.inputs[0].hwc[2] for n in (expand, project))
        if isinstance(node.op, DepthwiseConv2D) and whole and _is_pointwise(project):
            yield Block(expand, node, project)


def _sole_reader(graph: Graph, node: Node) -> Node | None:
    readers = graph.consumers.get(node.outputs[0], ())
    alone = len(readers) == 1 and len(node.outputs) == 1 and node.outputs[0] not in graph.outputs
    alone = alone and not node.outputs[0].is_state
    return readers[0] if alone and readers[0].inputs[0] is node.outputs[0] else None


def _is_pointwise(node: Node) -> bool:
    op = node.op
    same_size = isinstance(op, Conv2D) and op.stride_h == op.stride_w == 1 and op.padding == Padding()
    return same_size and node.inputs[1].shape[1:3] == (1, 1)


def sliced(graph: Graph, block: Block, count: int) -> Graph:
    """The same function with a block in at most so many slices, which stand where its last node stood."""
    new = list(_slices(block, count))
    nodes = [
        n for old in graph.nodes for n in (new if old is block.project else [old] if old not in block.nodes else [])
    ]
    return graph.with_nodes(nodes)


def first_slices(graph: Graph) -> dict[Node, Node]:
    """For every node of a slice, the one that does the same in the first slice of its block."""
    found: dict[Node, Node] = {}
    for node in graph.nodes:
        if isinstance(node.op, PartialConv2D):
            before = graph.producer.get(node.inputs[-1])
            first = [found[like] for like in _slice_of(graph, before)] if before else _slice_of(graph, node)
            found.update(zip(_slice_of(graph, node), first, strict=True))
    return found


def slice_counts(graph: Graph) -> dict[str, int]:
    """Into how many slices each block is cut that is, by the name of its last node."""
    found: dict[str, int] = {}
    for node in graph.nodes:
        last = graph.producer.get(node.inputs[0]) if isinstance(node.op, Rescale) else None
        while last is not None and isinstance(last.op, PartialConv2D):
            found[node.name] = found.get(node.name, 0) + 1
            last = graph.producer.get(last.inputs[-1])
    return found


def _slice_of(graph: Graph, project: Node) -> tuple[Node, Node, Node]:
    depthwise = graph.producer[project.inputs[0]]
    return graph.producer[depthwise.inputs[0]], depthwise, project


def _slices(block: Block, count: int) -> Iterator[Node]:
    expand, depthwise, project = block.nodes
    channels = expand.output.hwc[2]
    multiplier = depthwise.output.hwc[2] // channels
    step = -(-channels // (count * _MULTIPLE)) * _MULTIPLE
    start = project.inputs[2:]
    for number, begin in enumerate(range(0, channels, step)):
        suffix, end = f"/slice{number}", min(begin + step, channels)
        wide, through = slice(begin, end), slice(begin * multiplier, end * multiplier)
        first = _slice(expand, expand.inputs[0], wide, 0, suffix)
        second = _slice(depthwise, first.output, through, 3, suffix)
        weights = _part(project.inputs[1], through, 3, suffix)
        sums = Tensor(project.output.name + suffix, project.output.shape, DType.INT32, _sums_quant(project))
        third = Node(project.name + suffix, PartialConv2D(), (second.output, weights, *start), (sums,))
        yield from (first, second, third)
        start = (sums,)
    op = project.op
    assert isinstance(op, Conv2D)
    yield Node(project.name, Rescale(op.activation), start, project.outputs)


def _slice(node: Node, source: Tensor, channels: slice, axis: int, suffix: str) -> Node:
    """Some of a node's output channels. axis: of its weights, along which they lie."""
    shape = (*node.output.shape[:3], channels.stop - channels.start)
    output = replace(node.output, name=node.output.name + suffix, shape=shape)
    constants = (
        _part(node.inputs[1], channels, axis, suffix),
        *(_part(t, channels, 0, suffix) for t in node.inputs[2:]),
    )
    return Node(node.name + suffix, node.op, (source, *constants), (output,))


def _part(tensor: Tensor, part: slice, axis: int, suffix: str) -> Tensor:
    """Some of a constant along an axis."""
    quant, values = tensor.quant, tensor.values
    if quant is not None and quant.axis == axis:
        quant = Quant(quant.scales[part], quant.zero_points[part], axis)
    return Tensor.constant(tensor.name + suffix, values[(slice(None),) * axis + (part,)], quant)


def _sums_quant(project: Node) -> Quant:
    """Of the sums of a convolution: its input's scale times its filters'."""
    scale, filters = project.inputs[0].affine.scale, project.inputs[1].affine
    axis = 3 if filters.is_per_channel else None
    return Quant(tuple(scale * s for s in filters.scales), (0,) * len(filters.scales), axis)
