"""The search behind the search: partitions by what they pack to.

`fusion.py` takes the most bytes alive at a step for what a partition costs. No packing needs less, and mostly one needs
no more. Where that does not come about, partitions are gone through here, depth first, and the boxes of all sections up
to a node are packed: where these alone take too much, so does every partition that begins with these sections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from tinyml.scheduler.plan import Plan
from tinyml.scheduler.sections import Options, Section

CHECKS = 12000  # layouts looked at, times nodes: a second or two


class Judge(Protocol):
    """What partitions cost when packed."""

    def smallest(self, sections: Sequence[Section]) -> Plan:
        """The plan for a partition with the smallest arena."""

    def may_fit_up_to(self, sections: Sequence[Section], last: int, limit_bytes: int) -> bool:
        """Whether a plan may fit that begins as a partition does up to node `last`."""


class _Edge(NamedTuple):
    """A section, and what it costs."""

    peak_bytes: int
    extra_macs: float
    calls: int
    section: Section

    @property
    def end(self) -> int:
        return self.section.last + 1


class _Tail(NamedTuple):
    """The way to the end with the least extra work, and the fewest calls. first: edge of it; None at the end."""

    extra_macs: float
    calls: int
    first: _Edge | None


class Refinement:
    """A walk through partitions for the smallest arena, or for the least work in one that is small enough.

    options: from each node, the sections that may start there. known, plan: the partition to beat, and its smallest
    plan. enough_bytes: no smaller arena is wanted. slack_bytes: that packing may save, of which the sections' peaks do
    not tell.
    """

    def __init__(
        self,
        judge: Judge,
        options: Sequence[Sequence[Options]],
        max_extra_macs: float,
        known: Sequence[Section],
        plan: Plan,
        enough_bytes: int,
        slack_bytes: int,
    ) -> None:
        self.judge, self.max_extra_macs = judge, max_extra_macs
        self.enough_bytes, self.slack_bytes, self.left = enough_bytes, slack_bytes, CHECKS
        self.best, self.plan = known, plan
        self.count = len(options)
        self._edges = [sorted(_edges(found), key=lambda edge: edge[:3]) for found in options]

    def run(self) -> tuple[Sequence[Section], Plan]:
        """The best partition, with its smallest plan: the smallest arena, then the least work in that."""
        self._walk()
        self.enough_bytes = max(self.enough_bytes, self.plan.arena_bytes)
        self._walk()
        return self.best, self.plan

    def _walk(self) -> None:
        self._tails, self._judged = self._to_the_end(), set[tuple[Section, ...]]()
        paths = [self._longer([])]
        while paths and self.left >= 0:
            path = next(paths[-1], None)
            if path is None:
                paths.pop()
            else:
                paths.append(self._longer(path))

    @property
    def _fits(self) -> bool:
        return self.plan.arena_bytes <= self.enough_bytes

    @property
    def _limit_bytes(self) -> int:
        """What an arena must not exceed to be of interest."""
        return self.enough_bytes if self._fits else self.plan.arena_bytes - 1

    @property
    def _limit_macs(self) -> float:
        """What the extra work must not exceed to be of interest."""
        return _extra(self.plan) - 1 if self._fits else self.max_extra_macs

    def _of_interest(self, edge: _Edge) -> bool:
        return edge.peak_bytes - self.slack_bytes <= self._limit_bytes

    def _to_the_end(self) -> list[_Tail | None]:
        tails: list[_Tail | None] = [*(None for _ in range(self.count)), _Tail(0, 0, None)]
        for first in reversed(range(self.count)):
            for edge in filter(self._of_interest, self._edges[first]):
                behind, known = tails[edge.end], tails[first]
                if behind is not None:
                    found = _Tail(behind.extra_macs + edge.extra_macs, behind.calls + edge.calls, edge)
                    tails[first] = found if known is None or found[:2] < known[:2] else known
        return tails

    def _longer(self, path: Sequence[_Edge]) -> Iterator[list[_Edge]]:
        """The path with a section more, where that may lead to something better; what it leads to is judged."""
        first = path[-1].end if path else 0
        while (tail := self._promising(path, first)) is not None:
            complete = tuple(edge.section for edge in (*path, *self._along(first)))
            if not self._better(complete):
                break
        if tail is None or tail.first is None:
            return
        if path and not self._may_fit(complete, first - 1):
            return
        for edge in sorted(self._edges[first], key=lambda edge: edge is not tail.first):
            if self._of_interest(edge):
                yield [*path, edge]

    def _promising(self, path: Sequence[_Edge], first: int) -> _Tail | None:
        tail = self._tails[first]
        if tail is None or not all(map(self._of_interest, path)):
            return None
        return tail if sum(edge.extra_macs for edge in path) + tail.extra_macs <= self._limit_macs else None

    def _along(self, first: int) -> list[_Edge]:
        """The tail from a node."""
        found: list[_Edge] = []
        while (tail := self._tails[first]) is not None and tail.first is not None:
            found.append(tail.first)
            first = tail.first.end
        return found

    def _better(self, sections: tuple[Section, ...]) -> bool:
        """Whether a partition is the best by now."""
        if sections in self._judged:
            return False
        self._judged.add(sections)
        if not self._may_fit(sections, self.count):
            return False
        plan = self.judge.smallest(sections)
        better = plan.arena_bytes <= self._limit_bytes and _extra(plan) <= self._limit_macs
        if better:
            self.best, self.plan = sections, plan
            self._tails = self._to_the_end()
        return better

    def _may_fit(self, sections: Sequence[Section], last: int) -> bool:
        self.left -= self.count
        return self.judge.may_fit_up_to(sections, last, self._limit_bytes)


def _edges(options: Sequence[Options]) -> list[_Edge]:
    return [_Edge(o.peaks[n], o.extra[n], o.calls, o.section(n)) for o in options for n in range(len(o.peaks))]


def _extra(plan: Plan) -> int:
    return plan.macs_executed - plan.graph.macs
