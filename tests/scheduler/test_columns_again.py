"""Columns that strips share, computed again: safe, counted, equal to the byte, as small as brute force, never larger."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen import generate, select_kernels
from tests.host_c import c_outputs
from tests.networks import Net
from tests.random_graphs import random_graphs
from tests.samples import int8_samples
from tests.scheduler.shadow import check_memory
from tests.scheduler.test_recompute import everything, executed
from tinyml.interpreter import run
from tinyml.ir import Graph, Node
from tinyml.passes import optimize
from tinyml.scheduler import Plan, make_plan, planner
from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.inside import tensors_inside
from tinyml.scheduler.network import Knobs, Network
from tinyml.scheduler.planner import Task
from tinyml.scheduler.sections import Section

KEEPING = Knobs(columns_again=False)


def halos(seed: int) -> Graph:
    """Two depthwise layers between an expansion and a projection: several tensors whose columns strips share."""
    rng = np.random.default_rng(seed)
    net = Net(f"halos_{seed}", int(rng.integers(14, 30)), int(rng.integers(1, 4)), seed)
    wide = net.conv(net.input, int(rng.integers(8, 25)), int(rng.choice([1, 3])))
    x = net.depthwise(wide, int(rng.choice([3, 5])), 1)
    x = net.depthwise(x, int(rng.choice([3, 5])), int(rng.integers(1, 3)))
    y = net.conv(x, int(rng.integers(2, 9)), 1, relu=False)
    y = net.depthwise(y, 3, 2) if seed % 2 else y
    return Graph(net.name, tuple(net.nodes), (net.input,), (y,))


def uses(plan: Plan) -> bool:
    return any(step.columns is not None and step.columns.again for step in plan.steps)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips stay as narrow as the search took them to be."""
    monkeypatch.setattr(planner, "_widened", lambda draft, kernels: draft)


def with_columns(network: Network, sections: list[Section]) -> Iterator[list[Section]]:
    """The same with every choice of what computes columns again."""
    choices = []
    for section in sections:
        spans = tensors_inside(network, section, {}).tensors
        shared = [network.producer(t) for t, span in spans.items() if span.columns is not None and span.columns.keeps]
        sets = (frozenset[Node](found) for n in range(len(shared) + 1) for found in itertools.combinations(shared, n))
        choices.append([replace(section, columns_again=found) for found in sets])
    yield from map(list, itertools.product(*choices))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("fed", [False, True], ids=["resident", "rows"])
@pytest.mark.parametrize("seed", range(6))
def test_as_small_as_brute_force(seed: int, fed: bool) -> None:
    graph = halos(seed)
    candidates = select_kernels(graph)
    task = Task.of(graph, candidates, feed_rows=fed)
    network = task.network
    plans = [task.finished(cut) for found in everything(network) for cut in with_columns(network, found)]
    assert sum(map(uses, plans)) >= 4
    for factor in (1.0, 1.5, 2.0, 4.0, 8.0):
        best = min(plan.arena_bytes for plan in plans if plan.macs_executed <= factor * graph.macs)
        assert make_plan(graph, candidates, feed_rows=fed, max_recompute=factor).arena_bytes == best


@pytest.mark.parametrize("factor", [1.0, 1.2, 2.0, 4.0])
def test_never_larger_and_within_the_bound(factor: float) -> None:
    smaller = 0
    for seed, fed in itertools.product(range(12), (False, True)):
        graph = halos(seed)
        kernels = select_kernels(graph)
        again = make_plan(graph, kernels, feed_rows=fed, max_recompute=factor)
        kept = make_plan(graph, kernels, feed_rows=fed, max_recompute=factor, knobs=KEEPING)
        check_memory(again)
        assert not uses(kept)
        assert again.arena_bytes <= kept.arena_bytes
        assert again.macs_executed <= factor * graph.macs
        smaller += again.arena_bytes < kept.arena_bytes
        if factor == 1.0:
            assert generate(again).files == generate(kept).files
    assert (smaller > 0) == (factor >= 2.0)


def forced(graph: Graph, factor: float, fed: bool, rng: np.random.Generator) -> Plan | None:
    """A plan in which nodes compute columns again wherever they might, or some of them do."""
    task = Task.of(graph, select_kernels(graph), feed_rows=fed)
    sections = Partition(task.network).lowest(task.max_extra_macs(factor))
    if sections is None:
        return None
    again = frozenset(node for node in task.network.nodes if rng.random() < 0.6)
    return task.finished([replace(section, columns_again=again & frozenset(task.network.nodes)) for section in sections])
