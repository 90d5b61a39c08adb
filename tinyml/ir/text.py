"""Graphs and names as text: for reading, for comparing in tests, for messages."""

from __future__ import annotations

from tinyml.ir.graph import Graph


def shown(name: str) -> str:
    """A name from a model for a message: quoted, control characters escaped, cut when it is long."""
    return repr(name if len(name) <= 60 else f"{name[:50]}...{name[-7:]}")


def graph_text(graph: Graph) -> str:
    """Inputs, nodes with their attributes and quantization, outputs."""
    lines = [f"graph {graph.name}"]
    lines += [f"  input {tensor}" for tensor in graph.inputs]
    lines += [f"  {node}" for node in graph.nodes]
    lines += [f"  output %{tensor.name}" for tensor in graph.outputs]
    return "\n".join(lines) + "\n"
