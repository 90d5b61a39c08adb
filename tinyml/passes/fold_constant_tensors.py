"""A tensor of which every channel holds one byte only becomes a constant.

    y = f(x), y[.., k] = c_k for every x   =>   y constant

The c_k are those of `value_ranges`. As a graph output y becomes a constant of its own shape. ADD, SUB, MUL and PRELU
read one row [1, .., 1, C] that stretches over their other operand, so that no image is stored in flash. Other readers
are constant themselves and die, or take c_k into their bias (fold_constant_channels), or keep y as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml.ir import Array, Graph, Node, Shape, ShapeError, Tensor
from tinyml.ops.broadcast import Broadcast
from tinyml.passes.dead_nodes import dead_nodes
from tinyml.passes.ranges import value_ranges


def fold_constant_tensors(graph: Graph) -> Graph:
    ranges = value_ranges(graph)
    produced = [tensor for node in graph.nodes for tensor in node.outputs if tensor in ranges]
    known = {tensor: ranges[tensor].low.astype(np.int8) for tensor in produced if ranges[tensor].constant.all()}
    outputs = tuple(_filled(t, t.shape, known[t]) if t in known else t for t in graph.outputs)
    nodes = [_with_rows(node, known) for node in graph.nodes]
    if outputs == graph.outputs and nodes == [*graph.nodes]:
        return graph
    return dead_nodes(replace(graph, nodes=tuple(nodes), outputs=outputs))


def _filled(tensor: Tensor, shape: Shape, channels: Array) -> Tensor:
    data = np.array(np.broadcast_to(channels if shape else channels[0], shape))
    return Tensor(tensor.name, shape, tensor.dtype, tensor.quant, data)


def _with_rows(node: Node, known: dict[Tensor, Array]) -> Node:
    """The node with rows for its constant operands, where its output is not constant and keeps its shape."""
    if not isinstance(node.op, Broadcast) or node.output in known or not any(t in known for t in node.inputs):
        return node
    inputs = [
        _filled(t, (*[1] * (len(t.shape) - 1), *t.shape[-1:]), known[t]) if t in known else t for t in node.inputs
    ]
    try:
        fits = node.op.infer(inputs) == (node.output.shape,)
    except ShapeError:
        return node
    return replace(node, inputs=tuple(inputs)) if fits else node
