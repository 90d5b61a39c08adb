"""Which layers to run in how many patches, so that TensorFlow Lite Micro's arena is least."""

from __future__ import annotations

import logging
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from tinyml.errors import CheckError, UnsupportedError
from tinyml.exporters.patches import MAX_SIDE, Stage, patched, patched_macs, stages
from tinyml.exporters.tflm_arena import OperatorLog, estimated_arena_bytes, operator_bytes
from tinyml.ir import Graph

MAX_RECOMPUTE = 1.5  # unless stated: patches trade time for memory, and more than this is rarely meant
MEASURED = 6  # the best by estimate, between which the real arena decides

Measure = Callable[[Graph], int]  # arena bytes of a graph in TFLM; CheckError where it does not run

log = logging.getLogger("tinyml.exporters")


@dataclass(frozen=True)
class Patching:
    """A graph whose first `layers` layers run in rows x columns patches; 0 layers: the graph as it was.

    arena_bytes, plain_arena_bytes: measured, of this graph and of the one without patches.
    """

    graph: Graph
    layers: int
    rows: int
    columns: int
    arena_bytes: int
    plain_arena_bytes: int


@dataclass(frozen=True, order=True)
class _Candidate:
    estimated_bytes: int
    layers: int
    rows: int
    columns: int


def best_patching(graph: Graph, measure: Measure, max_recompute: float) -> Patching:
    """The patching with the least measured arena; the plain graph where none is smaller. Deterministic.

    max_recompute: bound on the multiply-accumulates executed, as a multiple of the graph's own; 1 or more.
    Raises CheckError where TFLM does not run the graph itself.
    """
    if graph.states:
        raise UnsupportedError(
            f"{graph.name} keeps states; patches are for graphs without", "export it without --patched"
        )
    plain = measure(graph)
    best = Patching(graph, 0, 1, 1, plain, plain)
    by_layers = {len(stage.nodes): stage for stage in stages(graph)}
    for found in _finalists(graph, list(by_layers.values()), max_recompute):
        cut = patched(graph, by_layers[found.layers], found.rows, found.columns)
        try:
            arena = measure(cut)
        except CheckError as error:
            log.debug("%s: %s", found, error.message)
            continue
        log.info("%d layers in %dx%d patches: %d bytes", found.layers, found.rows, found.columns, arena)
        if arena < best.arena_bytes:
            best = Patching(cut, found.layers, found.rows, found.columns, arena, plain)
    return best


def _finalists(graph: Graph, choices: list[Stage], max_recompute: float) -> list[_Candidate]:
    """The MEASURED best by estimate; no grid is left out that could be among them."""
    found: list[_Candidate] = []
    for stage in choices:
        floor, each = _least_bytes(graph, stage)
        for rows, columns in _grids(stage):
            if len(found) == MEASURED and floor + each * rows * columns > found[-1].estimated_bytes:
                break
            estimate = _estimate(graph, stage, rows, columns, max_recompute)
            if estimate is not None:
                insort(found, _Candidate(estimate, len(stage.nodes), rows, columns))
                del found[MEASURED:]
    return found


def _least_bytes(graph: Graph, stage: Stage) -> tuple[int, int]:
    """What no grid of a stage goes below: bytes, and bytes more for each patch."""
    inside = set(stage.nodes)
    rest = OperatorLog.of(graph.with_nodes([node for node in graph.nodes if node not in inside]))
    part = OperatorLog.of(graph.with_nodes(stage.nodes))
    # patches inside the image need no PAD; where they are joined, parts and whole are there
    repeated = (operator_bytes(name, results) for name, _, results in part.operators if not name.startswith("PAD"))
    return rest.kept_bytes + 2 * stage.output.size_bytes, sum(repeated)


def _grids(stage: Stage) -> list[tuple[int, int]]:
    """Every grid of more than one patch, those of few patches first."""
    rows, columns = (range(1, min(side, MAX_SIDE) + 1) for side in stage.output.shape[1:3])
    return sorted(product(rows, columns), key=lambda grid: (grid[0] * grid[1], grid))[1:]


def _estimate(graph: Graph, stage: Stage, rows: int, columns: int, max_recompute: float) -> int | None:
    """None where it executes too much, or cannot be cut or written like this."""
    try:
        extra = patched_macs(stage, rows, columns) - sum(node.macs for node in stage.nodes)
        if graph.macs + extra > max_recompute * graph.macs:
            return None
        return estimated_arena_bytes(patched(graph, stage, rows, columns))
    except UnsupportedError as error:
        log.debug("%d layers in %dx%d patches: %s", len(stage.nodes), rows, columns, error.message)
        return None
