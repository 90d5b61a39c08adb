"""Moves that the passes are made of. Each returns the graph itself when it changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from tinyml.ir import Graph, Node, Tensor

Rule = Callable[[Graph, Node], Graph]

log = logging.getLogger("tinyml.passes")


def sweep(graph: Graph, rule: Rule) -> Graph:
    """The rule at every node, first to last, again at the same place where it changed something."""
    index = 0
    while index < len(graph.nodes):
        changed = rule(graph, graph.nodes[index])
        if changed is graph:
            index += 1
        graph = changed
    return graph


def swap(graph: Graph, node: Node, *replacements: Node) -> Graph:
    """Other nodes in the place of one."""
    return graph.with_nodes([new for old in graph.nodes for new in (replacements if old is node else (old,))])


def sole_reader(graph: Graph, tensor: Tensor) -> Node | None:
    """The one node that reads a tensor that nothing else sees."""
    readers = graph.consumers.get(tensor, ())
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None


def rename(graph: Graph, old: Tensor, new: Tensor) -> Graph:
    """`new` wherever `old` is produced, read, taken in or given out."""

    def renamed(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(new if tensor is old else tensor for tensor in tensors)

    nodes = tuple(
        replace(node, inputs=renamed(node.inputs), outputs=renamed(node.outputs))
        if old in node.inputs or old in node.outputs
        else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes, inputs=renamed(graph.inputs), outputs=renamed(graph.outputs))


def bypass(graph: Graph, node: Node) -> Graph:
    """The graph without a node that hands its first input on unchanged.

    A graph output keeps its tensor, and so its name. The node stays where it stands between a graph input or a
    constant, or another output, and a graph output: those must be two tensors.
    """
    source, result = node.inputs[0], node.output
    without = graph.with_nodes([other for other in graph.nodes if other is not node])
    if result not in graph.outputs:
        return without.substitute({result: source})
    if source in graph.producer and source not in graph.outputs:
        return rename(without, source, result)
    log.debug("drop_identity: %r stays: it joins two tensors of the graph's interface", node.name)
    return graph


def same_numbers(a: Tensor, b: Tensor) -> bool:
    """Whether equal bytes mean equal numbers in both tensors: one dtype, one quantization."""
    return a.dtype is b.dtype and a.quant == b.quant
