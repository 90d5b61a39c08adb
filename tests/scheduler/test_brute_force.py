"""The search on small random graphs: equal to every partition, with every set of nodes that compute again, and every
way to cut blocks into slices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pytest

from codegen import select_kernels
from tests.graph_growth import GraphGrowth
from tests.random_graphs import inverted_residual, random_graphs
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph, Node, verify
from tinyml.passes import optimize
from tinyml.scheduler import make_plan
from tinyml.scheduler.fusion import peak_bytes
from tinyml.scheduler.network import Network
from tinyml.scheduler.pareto import pareto_front
from tinyml.scheduler.planner import Task
from tinyml.scheduler.rows import Lockstep
from tinyml.scheduler.sections import Section
from tinyml.scheduler.slices import COUNTS, blocks, sliced
from tinyml.scheduler.slicing import in_slices, worth_it

FACTOR, MOST_NODES, MOST_PLANS = 1.5, 7, 200


class Packed(NamedTuple):
    """A plan for a partition. again: whether something is computed again, which a factor of 1 rules out."""

    arena_bytes: int
    macs: int
    again: bool


def partitions(network: Network, first: int = 0) -> Iterator[list[Section]]:
    """All there are, with every set of nodes that compute again, of slices all or none."""
    count = len(network.nodes)
    if first == count:
        yield []
        return
    alone = [] if first == 0 and network.fed is not None else [Section(first, first, None)]
    for head in (*alone, *groups(network, first)):
        yield from ([head, *rest] for rest in partitions(network, head.last + 1))


def groups(network: Network, first: int) -> Iterator[Section]:
    operands = [tensor for tensor in network.nodes[first].operands if tensor.in_arena]
    if not operands or network.within_slices(first):
        return
    lockstep = Lockstep.paced_by(max(operands, key=lambda t: t.hwc[0]), network.fused, network.distinct_readers)
    if first == 0 and network.fed is not None:
        lockstep.feed(network.fed)
    for last in range(first, len(network.nodes)):
        for view in network.views_before[last]:
            lockstep.add_view(view)
        if not lockstep.add(network.nodes[last]):
            return
        if not network.within_slices(last + 1) and (first or network.reads_fed_until <= last):
            yield from (Section(first, last, lockstep, again=again) for again in flags(network, first, last))


def flags(network: Network, first: int, last: int) -> Iterator[frozenset[Node]]:
    nodes = network.nodes[first : last + 1]
    inside = [node for node in nodes if may_compute_again(network, node, last)]
    free = [node for node in inside if network.alike.get(node, node) is node]
    for count in range(len(free) + 1):
        for chosen in itertools.combinations(free, count):
            yield frozenset(node for node in inside if network.alike.get(node, node) in chosen)


def may_compute_again(network: Network, node: Node, last: int) -> bool:
    kernel, life = network.fused[node], network.life.get(node.outputs[0])
    by_rows = kernel.by_rows and not kernel.accumulates and node.outputs[0].hwc[0] > 1
    return life is not None and life.last <= last and by_rows and not network.holds_sums(node)


def block_graphs() -> Iterator[Graph]:
    for seed in itertools.count():
        g = GraphGrowth(np.random.default_rng([11, seed]))
        if g.take(inverted_residual, g.inputs[0]) and len(g.inputs) == 1:
            yield verify(Graph(f"block_{seed}", tuple(g.nodes), tuple(g.inputs), tuple(g.unread)), "int8")


def variants(graph: Graph) -> Iterator[Graph]:
    """Every block whole or in slices."""
    found = list(blocks(graph))
    for counts in itertools.product((1, *COUNTS), repeat=len(found)):
        cut = graph
        for block, count in zip(found, counts, strict=True):
            cut = sliced(cut, block, count) if count > 1 else cut
        yield cut


def packed(task: Task) -> list[Packed]:
    """Every plan there is; none where they are too many."""
    every = list(itertools.islice(partitions(task.network), MOST_PLANS + 1))
    plans = [(task.finished(sections), sections) for sections in every] if len(every) <= MOST_PLANS else []
    return [Packed(p.arena_bytes, p.macs_executed, any(s.again for s in sections)) for p, sections in plans]


def least_arena(graph: Graph) -> int | None:
    """Of all plans; None where there are too many."""
    every = packed(Task.of(graph, select_kernels(graph)))
    return min((plan.arena_bytes for plan in every if plan.macs <= FACTOR * graph.macs), default=None)


def tasks(graph: Graph) -> Iterator[Task]:
    """Of an image that lies there, and of one that is fed, where it can be."""
    for feed_rows in (False, True):
        with suppress(UnsupportedError):
            yield Task.of(graph, select_kernels(graph), feed_rows=feed_rows)


@pytest.mark.parametrize("seed", range(5, 9))
def test_equal_to_brute_force(seed: int) -> None:
    """The smallest arenas, the least work in a bound on memory, and fronts, of images that lie there or are fed."""
    compared = 0
    for graph in map(optimize, random_graphs(seed, 80)):
        for task in tasks(graph) if 2 <= len(graph.nodes) <= MOST_NODES else ():
            every = packed(task)
            if every:
                assert_smallest(task, every)
                assert_least_work(task, every)
                assert_front(task, every)
                compared += 1
    assert compared > 25


def assert_smallest(task: Task, every: Sequence[Packed]) -> None:
    graph = task.graph
    for factor in (1.0, 1.2, FACTOR, 2.0):
        allowed = [plan for plan in every if plan.macs <= factor * graph.macs and (factor > 1 or not plan.again)]
        found = task.planned(factor, None)
        assert found.macs_executed <= factor * graph.macs
        # columns of strips may be computed again, too, and brute force does not try that
        assert found.arena_bytes <= min(plan.arena_bytes for plan in allowed), (graph.name, factor)
        works = [plan.macs for plan in allowed if plan.arena_bytes <= found.arena_bytes]
        assert found.macs_executed <= max(min(works, default=found.macs_executed), graph.macs), (graph.name, factor)


def assert_least_work(task: Task, every: Sequence[Packed]) -> None:
    graph = task.graph
    for limit in sorted({plan.arena_bytes for plan in every}):
        least = min(plan.macs for plan in every if plan.arena_bytes <= limit)
        if least <= FACTOR * graph.macs:
            found = task.planned(FACTOR, limit)
            # rows and columns that nobody reads may happen to be left out
            assert found.arena_bytes <= limit and found.macs_executed <= max(least, graph.macs), (graph.name, limit)


def assert_front(task: Task, every: Sequence[Packed]) -> None:
    front, graph = list(pareto_front(task, FACTOR)), task.graph
    for plan in every:
        most = max(plan.macs, front[0].macs_executed)
        if plan.macs <= FACTOR * graph.macs:
            assert any(f.arena_bytes <= plan.arena_bytes and f.macs_executed <= most for f in front), graph.name


def test_the_search_and_the_layout_agree() -> None:
    """On the bytes alive, but where outputs lie in parts of other storages."""
    compared = [0, 0]
    for graph in map(optimize, random_graphs(9, 60)):
        for task in tasks(graph):
            for factor in (1.0, FACTOR):
                for sections in task.partition.best(task.max_extra_macs(factor), None):
                    if sections and not task.network.unseen_bytes:
                        assert peak_bytes(sections) == task.bound(sections), graph.name
                        compared[task.network.fed is not None] += 1
    assert min(compared) > 40


def test_slices_as_small_as_brute_force() -> None:
    compared = in_parts = 0
    for graph in itertools.islice(block_graphs(), 24):
        least = [arena for cut in variants(graph) if (arena := least_arena(cut)) is not None]
        if len(least) == len(list(variants(graph))):
            kernels = select_kernels(graph)
            plain = make_plan(graph, kernels, max_recompute=FACTOR)
            found = in_slices(plain, kernels, FACTOR)
            gains = min(least) <= worth_it(plain.arena_bytes)
            assert found.arena_bytes == (min(least) if gains else plain.arena_bytes), graph.name
            compared += 1
            in_parts += found.unsliced is not None
    assert compared > 12 and in_parts > 6
