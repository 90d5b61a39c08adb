"""Which kernel runs each node of a draft: the fastest, in the memory that the least of them need."""

from __future__ import annotations

from collections.abc import Sequence

from tinyml.ir import Node
from tinyml.kernel import Kernel
from tinyml.scheduler.frugal import Candidates, takes, whole
from tinyml.scheduler.layout import Draft
from tinyml.scheduler.plan import Order
from tinyml.scheduler.sections import Section

SPEED_SHARE = 12  # of the smallest arena, one part more may go into the working memory of faster kernels


def for_strips(draft: Draft, node: Node, kernels: Sequence[Kernel], chosen: Kernel) -> Kernel:
    """The kernel itself, or the next one by rows if there is a strip of columns that it does not accept."""
    strips = draft.strips_of(node)
    return next(kernel for kernel in (chosen, *kernels) if takes(kernel, strips)) if strips else chosen


def preferred(
    draft: Draft, candidates: Candidates, least: dict[Node, Kernel], order: Order | None
) -> dict[Node, Kernel]:
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
            no_more = same_places and kernel.scratch_bytes(node) <= chosen[node].scratch_bytes(node)
            trial = chosen | {n: kernel for n in same if kernel in able[n]}
            if no_more or draft.lay_out(trial).bound <= (room if same_places or knobs.speed else peak):
                chosen = trial
                break
    return chosen


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
        return (chosen,)
    strips = draft.strips_of(node)
    return [kernel for kernel in kernels if takes(kernel, strips)]
