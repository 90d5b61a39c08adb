"""A graph as text: one node a line, for reading and for comparing in tests."""

from __future__ import annotations

from tinyml.ir.graph import Graph


def graph_text(graph: Graph) -> str:
    """Inputs, nodes with their attributes and quantization, outputs."""
    lines = [f"graph {graph.name}"]
    lines += [f"  input {tensor}" for tensor in graph.inputs]
    lines += [f"  {node}" for node in graph.nodes]
    lines += [f"  output %{tensor.name}" for tensor in graph.outputs]
    return "\n".join(lines) + "\n"
