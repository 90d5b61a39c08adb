"""Graphs and names as text: for reading, for comparing in tests, for messages."""

from __future__ import annotations

from tinyml.ir.graph import Graph
from tinyml.ir.tensor import Shape


def shown(name: str) -> str:
    """A name from a model for a message: quoted, control characters escaped, cut when it is long."""
    return repr(name if len(name) <= 60 else f"{name[:50]}...{name[-7:]}")


def channels_first(given: Shape, wanted: Shape) -> bool:
    """Whether an array of the shape `given` is `wanted` with its channels first.

    Shapes without the batch: CHW for HWC, or CL for LC or L1C. Where sides of 1 alone differ, the bytes are the same.
    """
    kept, needed = ([side for side in shape if side != 1] for shape in (given, wanted))
    return len(given) > 1 and kept != needed and len(kept) > 1 and [*kept[1:], kept[0]] == needed


def channels_first_hint(given: Shape, wanted: Shape) -> str:
    """What to do with an array whose channels come first; empty where they do not."""
    if not channels_first(given, wanted):
        return ""
    axes = (0, *range(2, len(given) + 1), 1)
    return f"the graph takes channels last, whatever the model's file says: samples.transpose{axes}"


def graph_text(graph: Graph) -> str:
    """Inputs, states, nodes with their attributes and quantization, outputs."""
    lines = [f"graph {graph.name}"]
    lines += [f"  input {tensor}" for tensor in graph.inputs]
    lines += [f"  state {state.read}, then %{state.written.name}" for state in graph.states]
    lines += [f"  {node}" for node in graph.nodes]
    lines += [f"  output %{tensor.name}" for tensor in graph.outputs]
    return "\n".join(lines) + "\n"
