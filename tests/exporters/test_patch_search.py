"""The search: the least measured arena wins, the plain graph where none is smaller, never more work than allowed."""

from __future__ import annotations

import pytest

from tests.networks import large_image_net
from tinyml.errors import CheckError
from tinyml.exporters.patch_search import MEASURED, best_patching
from tinyml.exporters.patches import patched, patched_macs, stages
from tinyml.exporters.tflm_arena import estimated_arena_bytes
from tinyml.ir import Graph

GRAPH = large_image_net()


def test_none_but_the_best_by_estimate_are_measured() -> None:
    """The search skips grids by a bound; here all that are small enough to matter are tried."""
    measured: list[int] = []

    def measure(graph: Graph) -> int:
        measured.append(estimated_arena_bytes(graph))
        return measured[-1]

    found = best_patching(GRAPH, measure, 1.2)
    estimates = [
        estimated_arena_bytes(patched(GRAPH, stage, rows, columns))
        for stage in stages(GRAPH)
        for rows in range(1, min(stage.output.shape[1], 5) + 1)
        for columns in range(1, min(stage.output.shape[2], 5) + 1)
        if rows * columns > 1
        and patched_macs(stage, rows, columns) - sum(n.macs for n in stage.nodes) <= 0.2 * GRAPH.macs
    ]
    assert measured == [estimated_arena_bytes(GRAPH), *sorted(estimates)[:MEASURED]]
    assert found.layers and found.arena_bytes == min(estimates) < found.plain_arena_bytes == measured[0]
    assert estimated_arena_bytes(found.graph) == found.arena_bytes


@pytest.mark.parametrize("bound", [1.0, 1.01, 1.2])
def test_recomputation_is_bounded(bound: float) -> None:
    found = best_patching(GRAPH, estimated_arena_bytes, bound)
    assert found.graph.macs <= bound * GRAPH.macs


def test_the_plain_graph_where_no_other_is_smaller() -> None:
    found = best_patching(GRAPH, lambda graph: 1000, 1.5)
    assert found.graph is GRAPH and found.layers == 0 and found.arena_bytes == found.plain_arena_bytes == 1000


def test_what_tflm_refuses_is_left_out() -> None:
    def measure(graph: Graph) -> int:
        if graph is not GRAPH:
            raise CheckError("refused")
        return 1000

    assert best_patching(GRAPH, measure, 1.5).graph is GRAPH


def test_a_graph_that_tflm_refuses_itself() -> None:
    def measure(graph: Graph) -> int:
        raise CheckError("refused")

    with pytest.raises(CheckError, match="refused"):
        best_patching(GRAPH, measure, 1.5)
