"""Pareto fronts: real plans, none better than another in both arena and work, ends equal to what make_plan finds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from codegen import select_kernels
from tests.networks import large_image_net, narrow_net
from tests.random_graphs import random_graphs
from tests.scheduler.shadow import check_memory
from tinyml.board import load_board
from tinyml.errors import UnsupportedError, UsageError
from tinyml.ir import Graph
from tinyml.passes import optimize
from tinyml.scheduler import Plan, make_plan
from tinyml.scheduler.choice import Wishes, choose_front
from tinyml.scheduler.pareto import pareto_front
from tinyml.scheduler.planner import Task
from tinyml.scheduler.slices import slice_counts
from tinyml.scheduler.slicing import in_slices

HOST = load_board("host")


def front(graph: Graph, feed_rows: bool = False, max_recompute: float = 1.5) -> list[Plan]:
    return list(pareto_front(Task.of(graph, select_kernels(graph), feed_rows=feed_rows), max_recompute))


@pytest.mark.parametrize("graph", [optimize(g) for g in random_graphs(8, 40)], ids=lambda graph: graph.name)
def test_no_plan_beats_another(graph: Graph) -> None:
    plans = front(graph)
    for plan in plans:
        check_memory(plan)
    for less, more in pairwise(plans):
        assert less.macs_executed < more.macs_executed and less.arena_bytes > more.arena_bytes
    # computing sums and the like again takes no multiply-accumulates, so the first plan may be smaller
    assert plans[0].arena_bytes <= make_plan(graph, select_kernels(graph)).arena_bytes
    # rows that nobody reads are not computed by a node that computes again
    assert plans[0].macs_executed <= sum(step.node.macs for step in plans[0].steps)


@pytest.mark.parametrize("feed_rows", [False, True])
def test_a_network_with_a_large_image(feed_rows: bool) -> None:
    graph = large_image_net()
    plans = front(graph, feed_rows)
    smallest = make_plan(graph, select_kernels(graph), feed_rows=feed_rows, max_recompute=1.5)
    assert plans[-1].arena_bytes <= smallest.arena_bytes
    assert plans[-1].macs_executed <= 1.5 * graph.macs
    assert len(plans) > 1 and all((plan.fed is not None) == feed_rows for plan in plans)


def test_plans_in_slices() -> None:
    """Where they take less than what else there is, and as little as `in_slices` finds."""
    graph = narrow_net(4, 32, 2)
    kernels = select_kernels(graph)
    wishes = Wishes(max_recompute=2.0, feed="resident")
    plans, plain = list(choose_front(graph, kernels, HOST, wishes)), front(graph, max_recompute=2.0)
    for plan in plans:
        check_memory(plan)
        assert plan.model is graph and bool(slice_counts(plan.graph)) == (plan.unsliced is not None)
    for less, more in pairwise(plans):
        assert less.macs_executed < more.macs_executed and less.arena_bytes > more.arena_bytes
    for other in plain:
        assert any(p.arena_bytes <= other.arena_bytes and p.macs_executed <= other.macs_executed for p in plans)
    found = in_slices(make_plan(graph, kernels, board=HOST, max_recompute=2.0), kernels, 2.0)
    assert found.unsliced is graph and plans[-1].arena_bytes <= found.arena_bytes < 0.7 * plain[-1].arena_bytes
    assert set(slice_counts(found.graph).values()) <= {2, 4, 8} and not slice_counts(graph)


def test_what_the_wishes_allow() -> None:
    graph = large_image_net()
    kernels = select_kernels(graph)
    fed = [p.fed is not None for p in choose_front(graph, kernels, HOST, Wishes(max_recompute=1.1))]
    assert fed == sorted(fed) and set(fed) == {False, True}
    only = choose_front(graph, kernels, HOST, Wishes(max_recompute=1.0, feed="rows"))
    assert [(p.fed is not None, p.macs_executed) for p in only] == [(True, graph.macs)]
    with pytest.raises(UsageError, match=r"max_recompute 0\.5 is not"):
        list(choose_front(graph, kernels, HOST, Wishes(max_recompute=0.5)))


def test_kernel_calls() -> None:
    graph = large_image_net()
    plan = make_plan(graph, select_kernels(graph), fuse=False)
    assert plan.kernel_calls == len(plan.steps)
    assert all(step.recompute == 1 for step in plan.steps)
    fused = make_plan(graph, select_kernels(graph))
    assert fused.kernel_calls > len(fused.steps)


def test_what_cannot_be_fed_by_rows() -> None:
    graph = next(g for g in random_graphs(8, 40) if len(g.inputs) > 1)
    with pytest.raises(UnsupportedError, match="cannot be fed by rows"):
        front(graph, feed_rows=True)
