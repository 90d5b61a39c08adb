"""The quick answer to "does it fit" is that of the search for the least peak."""

from __future__ import annotations

import pytest

from codegen import select_kernels
from tests.networks import large_image_net, mobilenet_v2
from tests.random_graphs import random_graphs
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph
from tinyml.passes import optimize
from tinyml.scheduler import fits, make_plan
from tinyml.scheduler.bound import network_fits
from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.network import Limits, Network
from tinyml.scheduler.planner import Task
from tinyml.scheduler.sections import fused_sections, section_alone

GRAPHS = [*random_graphs(21, 60), *map(optimize, random_graphs(22, 60)), large_image_net(), mobilenet_v2(0.35, 48)]


def least_peak(network: Network) -> int | None:
    """By all sections there are."""
    count = len(network.nodes)
    peaks: list[int | None] = [*(None for _ in range(count)), 0]
    for first in reversed(range(count)):
        found = list(fused_sections(network, first, Limits(float("inf"))))
        found += [] if first == 0 and network.fed is not None else [section_alone(network, first)]
        tails = [(options.peaks[0], peaks[options.last + 1]) for options in found]
        peaks[first] = min((max(peak, tail) for peak, tail in tails if tail is not None), default=None)
    return peaks[0]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
@pytest.mark.parametrize("keep_inputs, feed_rows", [(False, False), (True, False), (False, True)])
def test_agrees_with_the_least_peak(graph: Graph, keep_inputs: bool, feed_rows: bool) -> None:
    try:
        network = Task.of(graph, select_kernels(graph), keep_inputs, feed_rows=feed_rows).network
    except UnsupportedError:
        return
    least = least_peak(network)
    assert Partition(network).least_peak == least
    if least is None:
        assert not network_fits(network, 2**40)
        return
    for limit in (2 * least, least + 1, least, least - 1, least // 2, 0):
        assert network_fits(network, limit) == (least <= limit), limit


def test_a_graph_that_fits_has_a_plan() -> None:
    graph = large_image_net()
    kernels = select_kernels(graph)
    for feed_rows in (False, True):
        arena = make_plan(graph, kernels, feed_rows=feed_rows).arena_bytes
        assert fits(graph, kernels, arena, feed_rows)
    assert fits(graph, kernels, arena, feed_rows=True) and not fits(graph, kernels, arena)
    assert fits(graph, kernels, 10**6) and not fits(graph, kernels, 0)


def test_what_cannot_be_fed_by_rows() -> None:
    graph = next(g for g in GRAPHS if len(g.inputs) > 1)
    with pytest.raises(UnsupportedError):
        fits(graph, select_kernels(graph), 10**6, feed_rows=True)
