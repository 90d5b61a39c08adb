"""The search on small random graphs: as small as every partition, every set of nodes that compute again, and every way
to cut blocks into slices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from codegen import select_kernels
from tests.graph_growth import GraphGrowth
from tests.random_graphs import inverted_residual, random_graphs
from tinyml.ir import Graph, Node, verify
from tinyml.passes import optimize
from tinyml.scheduler import make_plan
from tinyml.scheduler.network import Network
from tinyml.scheduler.planner import Task
from tinyml.scheduler.rows import Lockstep
from tinyml.scheduler.sections import Section
from tinyml.scheduler.slices import COUNTS, blocks, sliced
from tinyml.scheduler.slicing import in_slices

FACTOR, MOST_NODES, MOST_PLANS = 1.5, 6, 60


def partitions(network: Network, first: int = 0) -> Iterator[list[Section]]:
    """All there are, with every set of nodes that compute again, of slices all or none."""
    count = len(network.nodes)
    if first == count:
        yield []
        return
    heads = [Section(first, first, None), *groups(network, first)]
    for head in heads:
        yield from ([head, *rest] for rest in partitions(network, head.last + 1))


def groups(network: Network, first: int) -> Iterator[Section]:
    operands = [tensor for tensor in network.nodes[first].operands if tensor.in_arena]
    if not operands or network.within_slices(first):
        return
    lockstep = Lockstep.paced_by(max(operands, key=lambda t: t.hwc[0]), network.fused, network.distinct_readers)
    for last in range(first, len(network.nodes)):
        for view in network.views_before[last]:
            lockstep.add_view(view)
        if not lockstep.add(network.nodes[last]):
            return
        if not network.within_slices(last + 1):
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


def least_arena(graph: Graph) -> int | None:
    """Of all plans; None where there are too many."""
    task = Task.of(graph, select_kernels(graph))
    every = list(itertools.islice(partitions(task.network), MOST_PLANS + 1))
    if len(every) > MOST_PLANS:
        return None
    plans = [task.finished(sections) for sections in every]
    return min(plan.arena_bytes for plan in plans if plan.macs_executed <= FACTOR * graph.macs)


def test_as_small_as_brute_force() -> None:
    """Where views share storages, or several images overlap, packing may gain a little that the search does not see."""
    ratios = []
    for graph in map(optimize, random_graphs(5, 300)):
        least = least_arena(graph) if 2 <= len(graph.nodes) <= MOST_NODES else None
        if least is not None:
            found = make_plan(graph, select_kernels(graph), max_recompute=FACTOR).arena_bytes
            ratios.append(found / least)
    assert len(ratios) > 60 and min(ratios) >= 1
    assert sum(ratio == 1 for ratio in ratios) > 0.85 * len(ratios) and max(ratios) < 1.25


def test_slices_as_small_as_brute_force() -> None:
    compared = in_parts = 0
    for graph in itertools.islice(block_graphs(), 24):
        least = [least_arena(cut) for cut in variants(graph)]
        if None not in least:
            kernels = select_kernels(graph)
            plain = make_plan(graph, kernels, max_recompute=FACTOR)
            found = in_slices(plain, kernels, FACTOR)
            assert found.arena_bytes == min(least), graph.name
            compared += 1
            in_parts += found.unsliced is not None
    assert compared > 12 and in_parts > 6
