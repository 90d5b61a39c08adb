"""Which kernel runs each node of a draft: the fastest, or those that take the least flash together, in the memory that
the least of them need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinyml.ir import Node
from tinyml.kernel import Kernel
from tinyml.scheduler.covering import cheapest
from tinyml.scheduler.frugal import Candidates, takes, whole
from tinyml.scheduler.layout import Draft
from tinyml.scheduler.plan import Flash, Order, Preference
from tinyml.scheduler.sections import Section

SPEED_SHARE = 12  # of the smallest arena, one part more may go into the working memory of faster kernels


def for_strips(draft: Draft, node: Node, kernels: Sequence[Kernel], chosen: Kernel) -> Kernel:
    """The kernel itself, or the next one by rows if there is a strip of columns that it does not accept."""
    strips = draft.strips_of(node)
    return next(kernel for kernel in (chosen, *kernels) if takes(kernel, strips)) if strips else chosen


def preferred(
    draft: Draft, candidates: Candidates, least: Mapping[Node, Kernel], order: Preference | None
) -> Mapping[Node, Kernel]:
    """least: the kernels with the least memory, which run where no other is preferred and fits."""
    if isinstance(order, Flash):
        return _smallest(draft, candidates, least, order)
    return _fastest(draft, candidates, least, order)


def _fastest(
    draft: Draft, candidates: Candidates, least: Mapping[Node, Kernel], order: Order | None
) -> Mapping[Node, Kernel]:
    """Goes back to the most preferred kernel of every node that does not raise the peak, or not beyond the room.

    Slices of a block all run by the kernels of the first one where they can.
    """
    chosen, knobs, alike = dict(least), draft.network.knobs, draft.network.alike
    peak = draft.lay_out(chosen).bound
    room = max(peak, knobs.room_bytes if knobs.speed else min(knobs.room_bytes, peak + peak // SPEED_SHARE))
    for node in (node for node in draft.section if alike.get(node, node) is node):
        same = [other for other in alike if alike[other] is node] or [node]
        able = {n: _alternatives(draft, n, draft.section[n], candidates[n], chosen[n]) for n in same}
        for kernel in _ordered(draft, node, able[node], order):
            # only scratch may take of the room: an output that is no longer in place buys little speed
            same_places = kernel.in_place(node) == chosen[node].in_place(node)
            trial = chosen | {n: kernel for n in same if kernel in able[n]}
            limit = room if same_places or knobs.speed else peak
            if _no_more(node, kernel, chosen[node]) or draft.lay_out(trial).bound <= limit:
                chosen = trial
                break
    return chosen


def _no_more(node: Node, kernel: Kernel, least: Kernel) -> bool:
    """Whether a kernel needs no memory that another does not."""
    same_places = kernel.in_place(node) == least.in_place(node)
    return same_places and kernel.scratch_bytes(node) <= least.scratch_bytes(node)


def _ordered(draft: Draft, node: Node, kernels: Sequence[Kernel], order: Order | None) -> Sequence[Kernel]:
    if order is None or len(kernels) < 2:
        return kernels
    return [step.kernel for step in order([draft.step(node, kernel) for kernel in kernels])]


def _alternatives(
    draft: Draft, node: Node, section: Section, kernels: Sequence[Kernel], chosen: Kernel
) -> Sequence[Kernel]:
    """Kernels that can run a node as its section wants it, the preferred first."""
    if section.lockstep is None:
        return whole(kernels)
    if chosen.accumulates or not chosen.by_rows:
        ways = chosen.accumulates, chosen.by_rows
        return [kernel for kernel in kernels if (kernel.accumulates, kernel.by_rows) == ways]
    strips = draft.strips_of(node)
    return [kernel for kernel in kernels if takes(kernel, strips)]


def _smallest(
    draft: Draft, candidates: Candidates, least: Mapping[Node, Kernel], flash: Flash
) -> Mapping[Node, Kernel]:
    """The kernels that take the least flash together, at the peak of those with the least memory.

    What a kernel needs is alive at its own step, so kernels that keep the peak one by one nearly always do so together;
    where not, only those are taken that need no more than the least does.
    """
    peak = draft.lay_out(least).bound
    choices: dict[Node, list[Kernel]] = {}
    for node, section in draft.section.items():
        alternatives = _alternatives(draft, node, section, candidates[node], least[node])
        fit = (k for k in alternatives if _no_more(node, k, least[node]) or _bound(draft, least, node, k) <= peak)
        choices[node] = list(dict.fromkeys((*fit, least[node])))
    found = _cheapest(draft, choices, flash)
    if draft.lay_out(found).bound <= peak:
        return found
    sure = {node: [k for k in kernels if _no_more(node, k, least[node])] for node, kernels in choices.items()}
    return _cheapest(draft, sure, flash)


def _bound(draft: Draft, kernels: Mapping[Node, Kernel], node: Node, kernel: Kernel) -> int:
    return draft.lay_out({**kernels, node: kernel}).bound


def _cheapest(draft: Draft, choices: Mapping[Node, Sequence[Kernel]], flash: Flash) -> dict[Node, Kernel]:
    parts = [[flash.parts(draft.step(node, kernel)) for kernel in kernels] for node, kernels in choices.items()]
    picks = zip(choices.items(), cheapest(parts), strict=True)
    return {node: kernels[pick] for (node, kernels), pick in picks}
