"""Which nodes run together: partitions into fused groups, by dynamic programming.

Groups are runs of neighbours in the graph's order. What a group needs depends on that group alone: tensors that cross
its borders are held whole, those inside in rings or computed again (sections.py). So the least peak over all partitions
is a shortest path in which the greatest edge counts, and the extra work one in which edges add up; both are exact for
the costs used. Source of the formulation: msf-CNN (arXiv 2505.11483).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyml.scheduler.network import Network
from tinyml.scheduler.sections import Options, Section, fused_sections, section_alone

TICKS = (1,)


class Partition:
    """All partitions of a network whose sections stay within the limits."""

    def __init__(self, network: Network, max_extra_macs: int = 0) -> None:
        self.network, self.max_extra_macs = network, max_extra_macs
        self.edges = [self._alone(first) + self._fused(first, 1, float("inf"), 0) for first in self._firsts]
        self.least = self._least_peak()
        if max_extra_macs > 0 and self.least is not None:
            for first in self._firsts:
                for rows in TICKS:
                    self.edges[first] += self._fused(first, rows, self.least - 1, max_extra_macs)

    @property
    def _firsts(self) -> range:
        return range(len(self.network.nodes))

    def _alone(self, first: int) -> list[Options]:
        feeds = first == 0 and self.network.fed is not None
        return [] if feeds else [section_alone(self.network, first)]

    def _fused(self, first: int, rows: int, limit_bytes: float, limit_macs: int) -> list[Options]:
        return list(fused_sections(self.network, first, rows, limit_bytes, limit_macs))

    def _least_peak(self) -> int | None:
        """The least peak with nothing computed twice; None when the input is to be fed by rows and cannot be."""
        peaks: list[int | None] = [0, *(None for _ in self._firsts)]
        for first in self._firsts:
            reached = peaks[first]
            for options in self.edges[first] if reached is not None else ():
                peak, known = max(reached or 0, options.peaks[0]), peaks[options.last + 1]
                peaks[options.last + 1] = peak if known is None else min(known, peak)
        return peaks[-1]

    def front(self) -> Iterator[list[Section]]:
        """Partitions of ever lower peak and ever more work, from the least peak with nothing computed twice on."""
        best = self.sections(self.least) if self.least is not None else None
        while best is not None:
            # no section may be as large as the largest of these
            below = self.sections(max((section.peak_bytes for section in best), default=0) - 1) if best else None
            if below is None or extra_macs(below) > extra_macs(best):
                yield best
            best = below if below is not None and extra_macs(below) <= self.max_extra_macs else None

    def sections(self, peak_bytes: float) -> list[Section] | None:
        """The partition with the least extra work whose peak stays within the bytes; among those the fewest calls.

        None when there is none.
        """
        best: list[tuple[int, int] | None] = [(0, 0), *(None for _ in self._firsts)]
        chosen: list[tuple[Options, int] | None] = [None] * len(best)
        for first in self._firsts:
            start = best[first]
            for options in self.edges[first] if start is not None else ():
                number = options.within(peak_bytes)
                if number < 0 or start is None:
                    continue
                length = start[0] + options.extra[number], start[1] + options.calls
                known = best[options.last + 1]
                if known is None or length < known:
                    best[options.last + 1], chosen[options.last + 1] = length, (options, number)
        return _traced(chosen)


def extra_macs(sections: Sequence[Section]) -> int:
    """Multiply-accumulates beyond the model's own."""
    return sum(section.extra_macs for section in sections)


def _traced(chosen: Sequence[tuple[Options, int] | None]) -> list[Section] | None:
    """The sections that lead to the end, in order."""
    sections: list[Section] = []
    end = len(chosen) - 1
    while end:
        found = chosen[end]
        if found is None:
            return None
        options, number = found
        sections.append(options.section(number))
        end = options.first
    return sections[::-1]
