"""What memory costs in work: the plans of a graph of which none beats another in both."""

from __future__ import annotations

from collections.abc import Iterator

from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.plan import Plan
from tinyml.scheduler.planner import Task, cannot_feed
from tinyml.scheduler.sections import Section


def pareto_front(task: Task, max_recompute: float) -> Iterator[Plan]:
    """Plans of ever smaller arena and ever more work (multiply-accumulates), packed, the one with the least work first.

    max_recompute: multiply-accumulates executed, as a multiple of the model's own, at most.
    Raises UnsupportedError for a graph that cannot be fed by rows.
    """
    best: Plan | None = None
    for sections in _partitions(task, max_recompute):
        plan = task.finished(sections)
        # the search works with the bytes alive at each step; what the packer loses again may cost a plan its place
        if best is not None and plan.arena_bytes >= best.arena_bytes:
            continue
        if best is not None and plan.macs_executed > best.macs_executed:
            yield best
        best = plan
    if best is None:
        raise cannot_feed(task.graph)
    yield best


def _partitions(task: Task, max_recompute: float) -> Iterator[list[Section]]:
    max_extra_macs = task.max_extra_macs(max_recompute)
    yield from task.layer_by_layer()
    partition = Partition(task.network)
    if partition.least_peak is not None:
        found: list[Section] = []
        for found in partition.front(partition.least_peak, max_extra_macs):
            yield found
        yield from partition.deeper(found, max_extra_macs)
