"""What memory costs in work: the plans of a graph of which none beats another in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.network import QUICK_CHOICES
from tinyml.scheduler.plan import Plan
from tinyml.scheduler.planner import Task, cannot_feed
from tinyml.scheduler.sections import Section
from tinyml.scheduler.slicing import all_sliced, blocks_in_the_way, worth_it


def pareto_front(task: Task, max_recompute: float) -> Iterator[Plan]:
    """Plans of ever smaller arena and ever more work (multiply-accumulates), packed, the one with the least work first.

    max_recompute: multiply-accumulates executed, as a multiple of the model's own, at most.
    Raises UnsupportedError for a graph that cannot be fed by rows.
    """
    front = list(_without_slices(task, max_recompute))
    yield from _with_slices(front, task, max_recompute) if task.network.knobs.slices else front


def _without_slices(task: Task, max_recompute: float) -> Iterator[Plan]:
    best: Plan | None = None
    for plan in _plans(task, max_recompute):
        # the search works with the bytes alive at each step; what the packer loses again may cost a plan its place
        if best is not None and plan.arena_bytes >= best.arena_bytes:
            continue
        if best is not None and plan.macs_executed > best.macs_executed:
            yield best
        best = plan
    if best is None:
        raise cannot_feed(task.graph)
    yield best


def _plans(task: Task, max_recompute: float) -> Iterator[Plan]:
    max_extra_macs = task.max_extra_macs(max_recompute)
    yield from map(task.finished, task.layer_by_layer())
    partition = task.partition
    if partition.least_peak is None:
        return
    lowest: list[Section] = []
    for lowest in partition.front(partition.least_peak, max_extra_macs):
        yield task.packed(lowest)
    deeper = list(partition.deeper(lowest, max_extra_macs))
    yield from map(task.packed, deeper)
    yield task.packed([lowest, *deeper][-1], max_extra_macs)


def _with_slices(front: Sequence[Plan], task: Task, max_recompute: float) -> list[Plan]:
    """The front with plans in slices, where these take a twentieth less than what else there is at their work.

    Each plan on the front leads to plans of its graph with the blocks in its way in slices, and these to others.
    """
    found, waiting = list(front), list(front)
    sliced: dict[frozenset[str], Task] = {}
    most = task.max_extra_macs(max_recompute)
    while waiting:
        plan = waiting.pop(0)
        blocks = blocks_in_the_way(plan) if plan in found else []
        if not blocks:
            continue
        graph = all_sliced(plan.graph, blocks)
        other = sliced.setdefault(frozenset(node.name for node in graph.nodes), task.like(graph))
        for better in _lower(other, plan, found, most):
            better = replace(better, unsliced=task.graph)
            found[:] = _unbeaten([*found, better])
            waiting.append(better)
    return found


def _lower(task: Task, plan: Plan, found: Sequence[Plan], max_extra_macs: float) -> Iterator[Plan]:
    """Plans that take a twentieth less than a plan among those found, for less work than the next one of these."""
    more = [other.macs_executed - task.network.macs for other in found if other.macs_executed > plan.macs_executed]
    until, limit = min(more, default=max_extra_macs + 1) - 1, worth_it(plan.arena_bytes)
    partition = Partition(task.network, QUICK_CHOICES)
    sections = partition.within(limit, until)
    while sections is not None:
        better = task.packed(sections)
        if better.arena_bytes <= limit:
            yield better
        # what is packed may take more than what was looked for
        limit = worth_it(min(limit, better.arena_bytes))
        sections = partition.within(limit, until)


def _unbeaten(plans: Sequence[Plan]) -> list[Plan]:
    """The one with the least work first."""
    ordered = sorted(plans, key=lambda plan: (plan.macs_executed, plan.arena_bytes))
    return [plan for n, plan in enumerate(ordered) if all(plan.arena_bytes < p.arena_bytes for p in ordered[:n])]
