"""Which blocks of a plan run in slices of channels: those in the way of a smaller arena, as few slices as will do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tinyml.ir import Graph
from tinyml.scheduler.frugal import Candidates
from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.network import QUICK_CHOICES, Knobs
from tinyml.scheduler.plan import Plan, Preference
from tinyml.scheduler.planner import Task
from tinyml.scheduler.slices import COUNTS, Block, blocks, sliced

_GAIN = 20  # slices cost calls and sums in int32: one part of the arena is the least that they have to save
_NEAR = 4  # steps that take all but one part of the arena are in the way


def in_slices(
    plan: Plan,
    candidates: Candidates,
    max_recompute: float,
    limit_bytes: int | None = None,
    knobs: Knobs | None = None,
    order: Preference | None = None,
    in_vain: bool = False,
) -> Plan:
    """The plan itself, or one of a smaller arena with some blocks in slices.

    candidates: kernels of any node, of slices, too, as `select_kernels` gives them. Other arguments as of `make_plan`:
    the plan's own. limit_bytes: no smaller an arena is sought, nor one that does not do. in_vain: the limit is known to
    be out of reach, and what comes about nearest is wanted.
    """
    while plan.arena_bytes > (limit_bytes or 0):
        slicing = _Slicing(plan, candidates, max_recompute, limit_bytes, knobs, order)
        smaller = slicing.enough() if limit_bytes and not in_vain else slicing.smaller()
        if smaller is None:
            break
        plan = replace(smaller, unsliced=plan.model)
    return plan


def blocks_in_the_way(plan: Plan, enough_bytes: int = 0) -> list[Block]:
    """Blocks whose wide tensors are alive where the memory in use is more than enough, or near the most."""
    limit = enough_bytes or plan.arena_bytes - plan.arena_bytes // _NEAR
    steps = [number for number in range(len(plan.steps)) if plan.live_bytes(number) > limit]
    return [block for block in blocks(plan.graph) if any(_is_wide(plan, block, number) for number in steps)]


def _is_wide(plan: Plan, block: Block, step: int) -> bool:
    buffers = (plan.buffers[node.output] for node in (block.expand, block.depthwise))
    return any(buffer.first <= step <= buffer.last for buffer in buffers)


def worth_it(arena_bytes: int) -> int:
    """Bytes within which slices must bring an arena."""
    return arena_bytes - max(1, arena_bytes // _GAIN)


def all_sliced(graph: Graph, found: Iterable[Block], count: int = COUNTS[-1]) -> Graph:
    """The graph with some blocks, all of it, in so many slices each."""
    for block in found:
        graph = sliced(graph, block, count)
    return graph


@dataclass(frozen=True)
class _Slicing:
    """Plans like a plan, of other graphs. Fields as the arguments of `in_slices`."""

    plan: Plan
    candidates: Candidates
    max_recompute: float
    limit_bytes: int | None
    knobs: Knobs | None
    order: Preference | None

    def enough(self) -> Plan | None:
        """Within the limit, in the fewest slices that will do."""
        limit = self.limit_bytes or 0
        found = blocks_in_the_way(self.plan, limit)
        task = self._task(found) if found else None
        if task is None or not self._promising(task, limit):
            return None
        best = self._planned(task)
        if best.arena_bytes > limit:
            return best if best.arena_bytes <= worth_it(self.plan.arena_bytes) else None
        fewer = (self._planned(self._task(found, count)) for count in COUNTS[:-1])
        return next((plan for plan in fewer if plan.arena_bytes <= limit), best)

    def smaller(self) -> Plan | None:
        """In the most slices; None where that gains too little."""
        limit = worth_it(self.plan.arena_bytes)
        found = blocks_in_the_way(self.plan)
        task = self._task(found) if found else None
        if task is None or not self._promising(task, limit):
            return None
        best = self._planned(task)
        return best if best.arena_bytes <= limit else None

    def _task(self, found: Sequence[Block], count: int = COUNTS[-1]) -> Task:
        graph = all_sliced(self.plan.graph, found, count)
        fed = self.plan.fed is not None
        return Task.of(graph, self.candidates, self.plan.keeps_input, self.plan.board, fed, self.knobs, self.order)

    def _promising(self, task: Task, limit_bytes: int) -> bool:
        partition = Partition(task.network, QUICK_CHOICES)
        return partition.within(limit_bytes, task.max_extra_macs(self.max_recompute)) is not None

    def _planned(self, task: Task) -> Plan:
        return task.planned(self.max_recompute, self.limit_bytes)
