"""What would make a model fit, the nearest first. Every remedy was planned: its arena is that of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil

from codegen import select_kernels
from tinyml.board import Board, board_names, load_board
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph, ShapeError
from tinyml.remedies.variants import with_resolution, with_width
from tinyml.scheduler import Plan, Preference
from tinyml.scheduler.bound import network_fits
from tinyml.scheduler.choice import FIRMWARE_BYTES, FREE_RECOMPUTE, Wishes, choose_plan, feeds
from tinyml.scheduler.fusion import Partition
from tinyml.scheduler.network import QUICK_CHOICES
from tinyml.scheduler.plan import states_bytes
from tinyml.scheduler.planner import Task
from tinyml.scheduler.slices import blocks
from tinyml.scheduler.slicing import all_sliced

HOST = "host"  # no microcontroller
MOST_RECOMPUTE = 4.0
RESOLUTION_STEP = 8  # pixels between the heights tried, of images whose height is a multiple of it
WIDTHS = tuple(number / 20 for number in range(1, 20))
_BOUNDS = (1.25, MOST_RECOMPUTE)  # on the work: the search is fast where little is possible
_TRIES = 2  # plans made for one remedy: packing may lose what the search found
_BOARDS = 4  # named
_MOST_NODES = 150  # of a graph in slices that is quick to plan


@dataclass(frozen=True)
class Remedy:
    """kind: feed, recompute, options, resolution, width or board. value: factor, rows in pixels, names, or options.

    arena_bytes: of the plan that fits.
    """

    kind: str
    text: str
    value: float | int | str | Sequence[str]
    arena_bytes: int


@dataclass(frozen=True)
class _Case:
    """A model that does not fit."""

    graph: Graph
    board: Board
    wishes: Wishes
    order: Preference | None = None

    def budget_bytes(self, wishes: Wishes) -> int:
        """For the arena."""
        return self.board.granting(wishes.sram_bytes).sram_bytes - FIRMWARE_BYTES - states_bytes(self.graph)

    def planned(self, graph: Graph, wishes: Wishes) -> Plan | None:
        """The plan that a user with these wishes gets, if it fits and may do so with nothing computed twice."""
        if not self.may_fit(graph, wishes):
            return None
        plan = self.chosen(graph, wishes)
        return plan if plan.arena_bytes <= self.budget_bytes(wishes) else None

    def chosen(self, graph: Graph, wishes: Wishes) -> Plan:
        return choose_plan(graph, select_kernels(graph, self.board.cpu.features), self.board, wishes, self.order)

    def may_fit(self, graph: Graph, wishes: Wishes, slices: bool = True) -> bool:
        """Whether the search says so, of a plan with nothing computed twice; the packed arena may be larger.

        slices: whether to look at the graph with all that can be in slices, too.
        """
        kernels, budget = select_kernels(graph, self.board.cpu.features), self.budget_bytes(wishes)
        for fed in feeds(wishes):
            with suppress(UnsupportedError):
                task = Task.of(graph, kernels, wishes.keep_inputs, self.board, fed)
                cuts = in_all_slices(task) if slices else []
                if any(network_fits(cut.network, budget) for cut in (task, *cuts)):
                    return True
        return False


def in_all_slices(task: Task) -> list[Task]:
    """The task with all blocks in slices, where there are some and it is still quick to plan."""
    found = list(blocks(task.graph))
    cut = all_sliced(task.graph, found)
    return [task.like(cut)] if found and len(cut.nodes) <= _MOST_NODES else []


def remedies(
    graph: Graph, board: Board, wishes: Wishes, arena_bytes: int, order: Preference | None = None
) -> list[Remedy]:
    """All that help by themselves. arena_bytes: of the smallest plan found, which does not fit. order: of kernels."""
    case = _Case(graph, board, wishes, order)
    kinds = (_by_rows, _computed_again, _without_options, _smaller_image, _narrower)
    found = [remedy for kind in kinds for remedy in kind(case)]
    return found + list(_larger_boards(board, arena_bytes, states_bytes(graph)))


def _by_rows(case: _Case) -> Iterator[Remedy]:
    if case.wishes.feed != "resident" or case.wishes.keep_inputs:
        return
    plan = case.planned(case.graph, replace(case.wishes, feed="rows"))
    if plan is not None:
        yield Remedy("feed", f"--input rows: an arena of {plan.arena_bytes} bytes", "rows", plan.arena_bytes)


def _computed_again(case: _Case) -> Iterator[Remedy]:
    """The least work that fits, as far as a quick search finds it."""
    kernels = select_kernels(case.graph, case.board.cpu.features)
    found: list[Plan] = []
    for fed in feeds(case.wishes):
        with suppress(UnsupportedError):
            task = Task.of(case.graph, kernels, case.wishes.keep_inputs, case.board, fed, order=case.order)
            plans = (_least_work(case, cut) for cut in (task, *in_all_slices(task)))
            found += [plan for plan in plans if plan is not None]
    for plan in sorted(found, key=lambda plan: (plan.macs_executed, plan.graph is not case.graph)):
        # sums computed again are no multiply-accumulates, but take a factor above 1
        factor = max(ceil(100 * plan.macs_executed / case.graph.macs), 101) / 100
        if plan.graph is not case.graph:  # other blocks may be in slices than these
            plan = case.chosen(case.graph, replace(case.wishes, max_recompute=factor))
        if plan.arena_bytes <= case.budget_bytes(case.wishes):
            text = f"--max-recompute {factor:.2f}: an arena of {plan.arena_bytes} bytes"
            yield Remedy("recompute", text, factor, plan.arena_bytes)
            return


def _least_work(case: _Case, task: Task) -> Plan | None:
    partition, budget_bytes = Partition(task.network, QUICK_CHOICES), case.budget_bytes(case.wishes)
    if task.network.inputs_bytes > budget_bytes or not task.network.macs:
        return None
    for bound in (bound for bound in _BOUNDS if bound > (case.wishes.max_recompute or FREE_RECOMPUTE)):
        limit = budget_bytes
        for _ in range(_TRIES):
            sections = partition.within(limit, task.max_extra_macs(bound))
            if sections is None:
                break
            plan = task.finished(sections)
            if plan.arena_bytes <= budget_bytes:
                return plan
            limit -= max(plan.arena_bytes - budget_bytes, limit // 20)
    return None


def _without_options(case: _Case) -> Iterator[Remedy]:
    """The user's own restrictions, one at a time."""
    wishes = case.wishes
    if wishes.keep_inputs:
        plan = case.planned(case.graph, replace(wishes, keep_inputs=False))
        if plan is not None:
            text = f"without --keep-input: an arena of {plan.arena_bytes} bytes"
            yield Remedy("options", text, "keep_input", plan.arena_bytes)
    if case.board.granting(wishes.sram_bytes) is not case.board:
        plan = case.planned(case.graph, replace(wishes, sram_bytes=None))
        if plan is not None:
            text = f"without --sram: an arena of {plan.arena_bytes} bytes in all {case.board.sram_bytes} of the board"
            yield Remedy("options", text, "sram", plan.arena_bytes)


def _smaller_image(case: _Case) -> Iterator[Remedy]:
    shape = case.graph.inputs[0].shape
    if len(shape) != 4:
        return
    step = RESOLUTION_STEP if shape[1] % RESOLUTION_STEP == 0 else 1
    found = _largest(case, range(step, shape[1], step), with_resolution)
    if found is not None:
        height, plan = found
        _, rows, columns, _ = plan.graph.inputs[0].shape
        text = f"an input of {columns}x{rows} pixels instead of {shape[2]}x{shape[1]}: "
        yield Remedy("resolution", f"{text}an arena of {plan.arena_bytes} bytes", height, plan.arena_bytes)


def _narrower(case: _Case) -> Iterator[Remedy]:
    found = _largest(case, WIDTHS, with_width)
    if found is not None:
        factor, plan = found
        text = f"{factor:.2f} times the channels: an arena of {plan.arena_bytes} bytes"
        yield Remedy("width", text, factor, plan.arena_bytes)


def _largest(
    case: _Case, values: Sequence[float], variant: Callable[[Graph, int], Graph] | Callable[[Graph, float], Graph]
) -> tuple[float, Plan] | None:
    """The largest of ascending values whose variant fits, by bisection, with its plan."""

    def may_fit(number: int, slices: bool) -> bool:
        graph = _variant(case.graph, values[number], variant)
        return graph is not None and case.may_fit(graph, case.wishes, slices)

    def planned(numbers: Iterable[int]) -> tuple[float, Plan] | None:
        for number in numbers:
            graph = _variant(case.graph, values[number], variant)
            plan = case.planned(graph, case.wishes) if graph is not None else None
            if plan is not None:
                return values[number], plan
        return None

    begin, end = 0, len(values)  # all below begin fit, or begin is 0; none from end on does
    while begin < end:
        middle = (begin + end) // 2
        if may_fit(middle, slices=False):
            begin = middle + 1
        else:
            end = middle
    while end < len(values) and may_fit(end, slices=True):
        end += 1
    larger = planned(range(end - 1, max(begin, end - _TRIES) - 1, -1))
    return larger or planned(range(begin - 1, max(-1, begin - 1 - _TRIES), -1))


def _variant(graph: Graph, value: float, variant: Callable[..., Graph]) -> Graph | None:
    try:
        return variant(graph, value)
    except ShapeError:
        return None


def _larger_boards(board: Board, arena_bytes: int, state_bytes: int) -> Iterator[Remedy]:
    boards = [load_board(name) for name in board_names()]
    needed = arena_bytes + state_bytes + FIRMWARE_BYTES
    enough = [b for b in boards if b.name != HOST and b.sram_bytes >= needed and b.name != board.name]
    names = [b.name for b in sorted(enough, key=lambda b: (b.sram_bytes, b.name))[:_BOARDS]]
    if names:
        text = f"a board with more SRAM for the arena of {arena_bytes} bytes: {', '.join(names)}"
        yield Remedy("board", text, names, arena_bytes)
