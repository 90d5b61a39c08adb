"""Nodes that no output of the graph depends on are dropped.

A node is alive when one of its outputs is a graph output or is read by a living node. Graph inputs stay even when
nothing reads them: they are the caller's interface.
"""

from __future__ import annotations

from tinyml.ir import Graph, Node, Tensor


def dead_nodes(graph: Graph) -> Graph:
    needed: set[Tensor] = set(graph.outputs)
    alive: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            alive.append(node)
    return graph if len(alive) == len(graph.nodes) else graph.with_nodes(alive[::-1])
