"""Runs of nodes that could be fused, with the bytes and the extra work that each takes.

A section is grown node by node. Each node either keeps the rows of its output that are still needed, in a ring, or
computes them again at every tick that reads them: less memory, more work. Which is better depends on the nodes around
it, so all combinations are carried along as labels, and a label that another one beats in memory and work is dropped
as soon as the two have nothing left to settle in which they differ (a Pareto merge; exact).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyml.ir import Node, Tensor
from tinyml.scheduler.ledger import Growing, Ledger
from tinyml.scheduler.network import Effort, Life, Limits, Network
from tinyml.scheduler.packing import align, least_height
from tinyml.scheduler.rows import NOTHING_AGAIN, Again, Lockstep, Pattern
from tinyml.scheduler.states import CARRIED, CHOSEN, EXTRA, ROWS_AGAIN, State, merged, selected, with_bit
from tinyml.scheduler.storage import taken_over


@dataclass(frozen=True, eq=False)
class Section:
    """Nodes first..last (by number) that run together.

    lockstep: the rows of each tick; None for a single node that runs over all its rows at once.
    again: nodes that compute again instead of keeping rows. columns_again: instead of keeping columns of strips.
    whole: nodes whose output is not cut into strips where it could be.
    peak_bytes: the most bytes alive at a step.
    extra_macs: multiply-accumulates beyond the model's own.
    """

    first: int
    last: int
    lockstep: Lockstep | None
    peak_bytes: int = 0
    extra_macs: int = 0
    again: Again = NOTHING_AGAIN
    columns_again: Again = NOTHING_AGAIN
    whole: Again = NOTHING_AGAIN


@dataclass(frozen=True, eq=False)
class Options:
    """Sections of the same nodes and ticks that differ in their choices, the lowest peak first.

    peaks, extra: their `peak_bytes` and `extra_macs`, of which the one rises and the other falls, but where every
        choice is wanted.
    """

    network: Network
    first: int
    last: int
    lockstep: Lockstep | None
    peaks: list[int]
    extra: list[int]
    choices: NDArray[np.uint64]

    @property
    def calls(self) -> int:
        """Kernels called, all ticks together."""
        return (self.last - self.first + 1) * (self.lockstep.pace if self.lockstep else 1)

    def within(self, peak_bytes: float) -> int:
        """The one with the least extra work within a limit, by number; -1 when there is none."""
        return bisect_right(self.peaks, peak_bytes) - 1

    def section(self, number: int) -> Section:
        nodes = (self._nodes(words) for words in np.split(self.choices[number], CHOSEN))
        return Section(self.first, self.last, self.lockstep, self.peaks[number], self.extra[number], *nodes)

    def _nodes(self, words: NDArray[np.uint64]) -> Again:
        bits = [int(word) for word in words]
        chosen = (n for n in range(self.first, self.last + 1) if bits[n // 64] >> n % 64 & 1)
        return frozenset(self.network.nodes[n] for n in chosen)


def section_alone(network: Network, number: int) -> Options:
    """A node over all its rows at once, in place where that helps."""
    node = network.nodes[number]
    kernel = network.alone[node]
    total = align(kernel.scratch_bytes(node))
    total += sum(life.size_bytes for life in network.lives if life.first <= number <= life.last)
    if network.knobs.in_place and taken_over(node, kernel, network.placement, network.alive) is not None:
        total -= align(node.output.size_bytes)
    total = max(total, network.inputs_bytes if number == 0 else 0)
    nothing = np.zeros((1, CHOSEN * (number // 64 + 1)), np.uint64)
    return Options(network, number, number, None, [total], [0], nothing)


def fused_sections(network: Network, first: int, limits: Limits, effort: Effort | None = None) -> Iterator[Options]:
    """Every useful section that starts at a node within the limits, as far as the effort lasts; all without one."""
    for growth, last in growths(network, first, limits, effort):
        options = growth.options(last)
        if options is not None:
            yield options


def growths(network: Network, first: int, limits: Limits, effort: Effort | None = None) -> Iterator[tuple[Growth, int]]:
    """Node by node, as far as the limits allow, wherever a section may end."""
    lockstep = None if network.within_slices(first) else _lockstep(network, first)
    if lockstep is None:
        return
    growth = Growth(network, first, lockstep, limits, effort)
    for last in range(first, len(network.nodes)):
        for view in network.views_before[last]:
            lockstep.add_view(view)
        if not lockstep.add(network.nodes[last]):
            return
        growth.add(network.nodes[last], last)
        if effort is not None:
            effort.left -= sum(len(state.costs) for state in growth.states)
        if not growth.states or (effort is not None and effort.left < 0):
            return
        if (first or network.reads_fed_until <= last) and not network.within_slices(last + 1):
            yield growth, last


def _lockstep(network: Network, first: int) -> Lockstep | None:
    """Of all sections that start at a node, as which rows are computed when does not depend on the limits."""
    operands = [tensor for tensor in network.nodes[first].operands if tensor.in_arena]
    if not operands:
        return None
    if first not in network.locksteps:
        pacing = max(operands, key=lambda t: t.hwc[0])
        network.locksteps[first] = Lockstep.paced_by(pacing, network.fused, network.distinct_readers)
        if first == 0 and network.fed is not None:
            network.locksteps[first].feed(network.fed)
    return network.locksteps[first]


class Growth:
    """The sections that start at one node, in one lockstep.

    states: with the nodes added so far; none when all are beyond the limits.
    """

    def __init__(
        self, network: Network, first: int, lockstep: Lockstep, limits: Limits, effort: Effort | None = None
    ) -> None:
        self.network, self.first, self.lockstep, self.limits, self.effort = network, first, lockstep, limits, effort
        # whatever comes from before is held whole, at least until this section consumes it
        self.limit_bytes = limits.bytes - sum(
            life.size_bytes for life in network.lives if life.first < first <= life.last
        )
        fed = (network.fed,) if first == 0 and network.fed in network.life else ()
        self.before_bytes = network.inputs_bytes if first == 0 else 0
        self.growing = Growing(network, lockstep, first, limits)
        self.words = len(network.nodes) // 64 + 1
        nothing = np.zeros((1, CHOSEN * self.words), np.uint64)
        self.states = [State(fed, (), (), NOTHING_AGAIN, np.zeros((1, 3), np.int64), nothing)]

    def add(self, node: Node, number: int) -> None:
        """Lets a node in that the lockstep has added."""
        entering = [t for t, life in self.network.alive.items() if life.first < self.first <= life.last]
        alike: dict[object, list[State]] = {}
        for state in self.states:
            for again, part in self._choices(state, node, number):
                for grown in self._settled(self._grown(part, node, number, again), number):
                    alike.setdefault(self._unsettled(grown, entering, number), []).append(grown)
        self.states = selected([merged(states, self.limits.every) for states in alike.values()], self.limits.choices)

    def _choices(self, state: State, node: Node, number: int) -> Iterator[tuple[bool, State]]:
        """Whether the node computes again, and the choices so far that leave this open. Slices all do as the first."""
        like = self.network.number[self.network.alike.get(node, node)]
        if not self._may_compute_again(node, number):
            yield False, state
        elif not self.first <= like < number:
            yield False, state
            yield True, state
        else:
            chosen = state.choices[:, like // 64] >> np.uint64(like % 64) & np.uint64(1) == 1
            yield from ((again, state.of(chosen == again)) for again in (False, True) if (chosen == again).any())

    def _may_compute_again(self, node: Node, number: int) -> bool:
        kernel, output = self.network.fused[node], node.output
        life = self.network.life.get(output)
        inside = life is not None and number < life.last < len(self.network.nodes)
        by_rows = kernel.by_rows and not kernel.accumulates and output.hwc[0] > 1
        return self.limits.macs > 0 and by_rows and inside and not self.network.holds_sums(node)

    def _grown(self, state: State, node: Node, number: int, again: bool) -> State:
        kernel = self.network.fused[node]
        scratch = align(kernel.scratch_bytes(node))
        costs, choices = state.costs.copy(), state.choices
        costs[:, CARRIED] += scratch if kernel.accumulates else 0
        if again:
            choices = with_bit(choices, number, ROWS_AGAIN)
        return State(
            (*state.open, node.output) if node.output in self.network.life else state.open,
            (*state.passing, 0 if kernel.accumulates else scratch),
            state.runs,
            state.again | {node} if again else state.again,
            costs,
            choices,
        )

    def _settled(self, state: State, number: int, closing: bool = False) -> Iterator[State]:
        """The state with every tensor accounted for that can be, within the limits; none when it is useless, several
        where columns may be kept or computed again.

        closing: the section ends here, so that what is read behind it is held whole.
        """
        ledgers = [Ledger(self.growing, state, number, closing)]
        for tensor in reversed(state.open):
            ledgers = [settled for ledger in ledgers for settled in ledger.settle(tensor)]
        if self.effort is not None:
            self.effort.left -= max(0, len(ledgers) - 1)
        for ledger in ledgers:
            found = ledger.state()
            within = found.least_peaks <= self.limit_bytes
            if not self.limits.every:
                within &= found.least_extra <= self.limits.macs
            if within.any():
                yield found.of(within)

    def _unsettled(self, state: State, entering: Sequence[Tensor], number: int) -> object:
        """All in which two choices may differ that matters for what comes behind."""
        patterns: list[Pattern | None] = []
        for tensor in (*state.open, *entering):
            readers = self.network.borders.readers_inside(tensor, self.first, number)
            patterns += [self.lockstep.pattern(node, state.again) for node in readers]
        again = tuple(self.network.producer(tensor) in state.again for tensor in state.open)
        return state.open, state.passing, state.runs, again, tuple(patterns)

    def options(self, last: int) -> Options | None:
        """The sections that end at a node."""
        crossing = {i: life.size_bytes for i, life in enumerate(self.network.lives) if self._crosses(life, last)}
        overlaps = self.network.borders.overlaps(self.first, last) if self.network.knobs.overlap else []
        found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]] = []
        for unclosed in self.states:
            for state in self._settled(unclosed, last, closing=True):
                if not any(self._cannot_cross(tensor, state, last) for tensor in state.open):
                    gaps = {(o.written, o.consumed): align(o.gap(self.lockstep, state.again)) for o in overlaps}
                    peaks = np.maximum(state.peaks + least_height(crossing, gaps), self.before_bytes)
                    found.append((peaks, state.costs[:, EXTRA], state.choices))
        if not found:
            return None
        peaks, extra, choices = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((extra, peaks))
        if not self.limits.every:
            order = order[np.flatnonzero(np.diff(np.minimum.accumulate(extra[order]), prepend=2**62))]
        best = peaks[order].tolist(), extra[order].tolist(), choices[order]
        return Options(self.network, self.first, last, self.lockstep, *best)

    def _cannot_cross(self, tensor: Tensor, state: State, last: int) -> bool:
        return self.network.life[tensor].last <= last or self.network.producer(tensor) in state.again

    def _crosses(self, life: Life, last: int) -> bool:
        """Held whole: alive in the section, and not only there or not in a storage of its own."""
        alive = life.first <= last and life.last >= self.first
        return alive and (life.first < self.first or life.last > last or life.tensor is None)
