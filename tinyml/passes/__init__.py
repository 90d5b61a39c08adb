"""Graph -> Graph, one rewrite per file with its algebra in the docstring. Every pass keeps the bytes.

A pass returns the graph itself when nothing fits, and says at debug level why where that is of use. A new pass is a
file here and a line in PASSES; their order is the order they run in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tinyml.ir import Graph, verify
from tinyml.passes.dead_nodes import dead_nodes
from tinyml.passes.drop_identity import drop_identity
from tinyml.passes.float_border import float_border
from tinyml.passes.fold_constant_channels import fold_constant_channels
from tinyml.passes.fold_constant_tensors import fold_constant_tensors
from tinyml.passes.fold_constants import fold_constants
from tinyml.passes.fold_float_islands import fold_float_islands
from tinyml.passes.fold_pad import fold_pad
from tinyml.passes.fuse_activation import fuse_activation
from tinyml.passes.merge_duplicate_channels import merge_duplicate_channels
from tinyml.passes.merge_means import merge_means
from tinyml.passes.merge_quantize import merge_quantize
from tinyml.passes.merge_tables import merge_tables
from tinyml.passes.settle_states import settle_states
from tinyml.passes.sink_transpose import sink_transpose

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    dead_nodes,
    fold_constants,
    float_border,
    fold_float_islands,
    merge_quantize,
    fuse_activation,
    fold_pad,
    sink_transpose,
    merge_means,
    fold_constant_tensors,
    fold_constant_channels,
    merge_duplicate_channels,
    merge_tables,
    drop_identity,
)


class Saving(NamedTuple):
    """What one run of a pass took from a graph; below 0 where it added."""

    name: str
    macs: int
    weights_bytes: int


def optimize(graph: Graph, report: list[Saving] | None = None) -> Graph:
    """The graph after all passes, run again until none changes it; verified after each that did. States end settled.

    graph: sound as imported. report: gets one entry per run of a pass that changed something. Outputs equal the graph's
    own to the byte; where float borders were stripped, behind the caller's own quantization. Raises ModelError if a
    pass breaks the graph, UnsupportedError as float_border says.
    """
    states, graph = graph.states, graph.opened() if graph.states else graph
    while True:
        before = graph
        for step in PASSES:
            changed = step(graph)
            if changed is graph:
                continue
            if report is not None:
                saved = graph.macs - changed.macs, graph.weights_bytes - changed.weights_bytes
                report.append(Saving(step.__name__, *saved))
            graph = verify(changed, "imported")
        if graph is before:
            return settle_states(graph.closed(states))


__all__ = ["PASSES", "Pass", "Saving", "optimize", "settle_states"]
