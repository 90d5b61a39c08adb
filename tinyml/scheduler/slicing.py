"""Which blocks of a plan run in slices of channels: those in the way of a smaller arena, as few slices as will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyml.ir import Graph
from tinyml.scheduler.frugal import Candidates
from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.network import QUICK_CHOICES, Knobs
from tinyml.scheduler.plan import Plan, Preference
from tinyml.scheduler.planner import Task, make_plan
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
) -> Plan:
    """The plan itself, or one of a smaller arena with some blocks in slices.

    candidates: kernels of any node, of slices, too, as `select_kernels` gives them. Other arguments as of `make_plan`:
    the plan's own. limit_bytes: no smaller an arena is sought.
    """
    while plan.arena_bytes > (limit_bytes or 0):
        smaller = _Slicing(plan, candidates, max_recompute, limit_bytes, knobs, order).smaller()
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


@dataclass(frozen=True)
class _Slicing:
    """Plans like a plan, of other graphs. Fields as the arguments of `in_slices`."""

    plan: Plan
    candidates: Candidates
    max_recompute: float
    limit_bytes: int | None
    knobs: Knobs | None
    order: Preference | None

    def smaller(self) -> Plan | None:
        """With the fewest slices that are enough, or with the most; None where that gains too little."""
        enough = self.limit_bytes or 0
        found = blocks_in_the_way(self.plan, enough)
        graph = self._sliced(found, COUNTS[-1])
        if not found or not self._promising(graph, enough or self._worth_it):
            return None
        best = self._planned(graph)
        if best.arena_bytes <= enough:
            fewer = (self._planned(self._sliced(found, count)) for count in COUNTS[:-1])
            return next((plan for plan in fewer if plan.arena_bytes <= enough), best)
        return best if best.arena_bytes <= self._worth_it else None

    @property
    def _worth_it(self) -> int:
        return self.plan.arena_bytes - max(1, self.plan.arena_bytes // _GAIN)

    def _sliced(self, found: Sequence[Block], count: int) -> Graph:
        graph = self.plan.graph
        for block in found:
            graph = sliced(graph, block, count)
        return graph

    def _promising(self, graph: Graph, limit_bytes: int) -> bool:
        plan = self.plan
        task = Task.of(graph, self.candidates, plan.keeps_input, plan.board, plan.fed is not None, self.knobs)
        partition = Partition(task.network, QUICK_CHOICES)
        return partition.within(limit_bytes, task.max_extra_macs(self.max_recompute)) is not None

    def _planned(self, graph: Graph) -> Plan:
        plan = self.plan
        arguments = graph, self.candidates, plan.keeps_input, plan.board, True, plan.fed is not None
        return make_plan(*arguments, self.max_recompute, self.limit_bytes, self.knobs, self.order)
