"""Which plan a user gets: resident or fed by rows, the smallest or the one with the least work that fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from tinyml.board import Board
from tinyml.errors import UnsupportedError, UsageError
from tinyml.ir import Graph
from tinyml.scheduler.bound import network_fits
from tinyml.scheduler.frugal import Candidates
from tinyml.scheduler.network import Knobs
from tinyml.scheduler.pareto import pareto_front
from tinyml.scheduler.plan import OPTIMIZE, Plan, Preference, states_bytes
from tinyml.scheduler.planner import Task
from tinyml.scheduler.slicing import in_slices

FEEDS = ("auto", "resident", "rows")
FIRMWARE_BYTES = 2048  # SRAM to leave for stack and static data: more than any build so far took
FREE_RECOMPUTE = 2.0  # how far work may grow to fit a memory when the user states no bound


@dataclass(frozen=True)
class Wishes:
    """What a user asks of a plan.

    keep_inputs: the input buffers survive an inference, so that it can be repeated; costs memory.
    feed: "resident": the application fills the whole input, then runs the model; "rows": it pushes the input's rows and
        the model never holds them all; "auto": resident where that fits, else rows.
    max_recompute: multiply-accumulates executed, as a multiple of the model's own. Given: the smallest arena for it.
        None: the fastest that fits. That is without strips of columns, which cost calls, where that fits; else with
        them; else as little computed again as makes it fit; else the same with blocks in slices of channels.
    sram_bytes: for arena, stack and static data together, instead of all that the board has: the least work that fits.
    optimize: "speed": kernels and code may take all the memory there is; "size": the least flash, whatever the time;
        "balanced": fast kernels in little more than the smallest arena.
    """

    keep_inputs: bool = False
    feed: str = "auto"
    max_recompute: float | None = None
    sram_bytes: int | None = None
    optimize: str = "balanced"

    def __post_init__(self) -> None:
        if self.optimize not in OPTIMIZE:
            raise UsageError(f"optimize {self.optimize!r} is none of {', '.join(OPTIMIZE)}")
        if self.feed not in FEEDS:
            raise UsageError(f"feed {self.feed!r} is none of {', '.join(FEEDS)}")
        if self.feed == "rows" and self.keep_inputs:
            raise UsageError("an input that is fed by rows is never held, so it cannot be kept")
        if self.max_recompute is not None and not 1.0 <= self.max_recompute < math.inf:
            raise UsageError(
                f"max_recompute {self.max_recompute} is not a factor of 1.0 or more of the model's own work"
            )
        if self.sram_bytes is not None and self.sram_bytes < 1:
            raise UsageError(f"sram_bytes {self.sram_bytes} is no number of bytes of 1 or more")


def choose_plan(
    graph: Graph,
    candidates: Candidates,
    board: Board,
    wishes: Wishes,
    order: Preference | None = None,
) -> Plan:
    """The plan for the wishes, or the smallest found where none fits.

    candidates: kernels of any node, of slices of the graph's, too, as `select_kernels` gives them.
    order: of kernels, as `make_plan` takes it.
    """
    board = board.granting(wishes.sram_bytes)
    budget = board.sram_bytes - FIRMWARE_BYTES - states_bytes(graph)
    tried: list[Plan] = []
    for found in _Search(graph, candidates, board, wishes, budget, order).plans():
        plan = replace(found, optimize=wishes.optimize)
        if plan.arena_bytes <= budget:
            return plan
        tried.append(plan)
    return min(tried, key=lambda plan: plan.arena_bytes)


@dataclass(frozen=True)
class _Search:
    """Fields as the arguments of `choose_plan`. budget: bytes for the arena."""

    graph: Graph
    candidates: Candidates
    board: Board
    wishes: Wishes
    budget: int
    order: Preference | None

    def plans(self) -> Iterator[Plan]:
        """In the order of preference, without those of which a bound says that they do not fit, but for the last."""
        *first, (factor, limit, knobs) = _ways(self.wishes, self.budget)
        for once, least, preferred in first:
            for task in self._tasks(preferred):
                if task.may_fit(self.budget):
                    yield task.planned(once, least)
        made: list[Plan] = []
        for task in sorted(self._tasks(knobs), key=lambda task: task.network.inputs_bytes > self.budget):
            if made and task.network.inputs_bytes > max(self.budget, min(plan.arena_bytes for plan in made)):
                continue
            with suppress(*self._tolerable):
                made.append(task.planned(factor, limit))
                yield self._in_slices(made[-1], factor, None, knobs) if knobs.slices else made[-1]
        if not knobs.slices:
            for plan in made:
                yield self._in_slices(plan, factor, self.budget, knobs)
            yield self._in_slices(min(made, key=lambda plan: plan.arena_bytes), factor, self.budget, knobs, True)

    @property
    def _tolerable(self) -> list[type[UnsupportedError]]:
        """A graph that cannot be fed by rows is no error where it need not be."""
        return [] if self.wishes.feed == "rows" else [UnsupportedError]

    def _tasks(self, knobs: Knobs) -> Iterator[Task]:
        """One for each way of feeding the input that is possible."""
        for fed in feeds(self.wishes):
            with suppress(*self._tolerable):
                arguments = self.graph, self.candidates, self.wishes.keep_inputs, self.board, fed, knobs, self.order
                yield Task.of(*arguments)

    def _in_slices(self, plan: Plan, factor: float, limit: int | None, knobs: Knobs, in_vain: bool = False) -> Plan:
        return in_slices(plan, self.candidates, factor, limit, knobs, self.order, in_vain)


def _ways(wishes: Wishes, budget: int) -> list[tuple[float, int | None, Knobs]]:
    """(recompute factor, bytes to stay within at the least work, knobs), in the order of preference."""
    given = wishes.max_recompute
    if given is not None and wishes.sram_bytes is None:
        return [(given, None, Knobs(slices=True))]
    speed = wishes.optimize == "speed"
    fast, small = Knobs(strips=False, room_bytes=budget, speed=speed), Knobs(room_bytes=budget)
    return [(1.0, None, fast), (1.0, None, small), (FREE_RECOMPUTE if given is None else given, budget, small)]


def choose_front(
    graph: Graph,
    candidates: Candidates,
    board: Board,
    wishes: Wishes,
    order: Preference | None = None,
) -> Iterator[Plan]:
    """For each way of feeding the input that the wishes allow: plans of ever smaller arena and ever more work.

    max_recompute bounds the work, FREE_RECOMPUTE where it is not stated; sram_bytes does not matter.
    """
    for fed in feeds(wishes):
        try:
            task = Task.of(graph, candidates, wishes.keep_inputs, board, fed, Knobs(slices=True), order)
            yield from pareto_front(task, wishes.max_recompute or FREE_RECOMPUTE)
        except UnsupportedError:
            if wishes.feed == "rows":
                raise


def feeds(wishes: Wishes) -> tuple[bool, ...]:
    """Whether to feed by rows, in the order of preference."""
    if wishes.feed == "auto" and not wishes.keep_inputs:
        return False, True
    return (wishes.feed == "rows",)


def fits(
    graph: Graph, candidates: Candidates, limit_bytes: int, feed_rows: bool = False, keep_inputs: bool = False
) -> bool:
    """Whether the search finds a plan whose worst step takes no more than these bytes, with nothing computed twice.

    Arguments as of `make_plan`; its arena may be larger than the bytes at the worst step by what packing loses. Raises
    UnsupportedError for a graph that has no single input of several rows to be fed.
    """
    return network_fits(Task.of(graph, candidates, keep_inputs, None, feed_rows).network, limit_bytes)
