"""Which nodes run together: partitions into fused groups, by dynamic programming.

Groups are runs of neighbours in the graph's order. What a group needs depends on that group alone: tensors that cross
its borders are held whole, those inside in rings or computed again (sections.py). So the least peak over all partitions
is a shortest path in which the greatest edge counts, and the extra work one in which edges add up; both are exact for
the costs used. Source of the formulation: msf-CNN (arXiv 2505.11483).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

from tinyml.scheduler.network import CHOICES, QUICK_CHOICES, Effort, Limits, Network
from tinyml.scheduler.sections import Options, Section, fused_sections, section_alone

EFFORT = 8000  # of one search: some seconds; networks that are done sooner, such as all small ones, are searched whole
_LADDER = 1.15  # from one limit to the next while the lowest peak is looked for from below
_FIRST_BOUND = 50  # the part of a model's work by which a bound on the work is first raised


class Partition:
    """All partitions of a network into sections.

    least_peak: bytes at the worst step of the best one with nothing computed twice; None when the input is to be fed by
        rows and cannot be.
    choices: kept while a section grows in which something is computed twice; fewer are faster and may find more work.
    """

    def __init__(self, network: Network, choices: int = CHOICES) -> None:
        self.network, self.choices = network, choices
        unlimited = Limits(float("inf"))
        self._once = [self._alone(first) + self._fused(first, unlimited) for first in self._firsts]
        self._tails = self._least_peaks()
        self.least_peak = self._tails[0]

    @property
    def _firsts(self) -> range:
        return range(len(self.network.nodes))

    def _alone(self, first: int) -> list[Options]:
        feeds = first == 0 and self.network.fed is not None
        return [] if feeds else [section_alone(self.network, first)]

    def _fused(self, first: int, limits: Limits, effort: Effort | None = None) -> list[Options]:
        return list(fused_sections(self.network, first, limits, effort))

    def _least_peaks(self) -> list[int | None]:
        """From each node to the end: the least peak with nothing computed twice; None where there is none."""
        peaks: list[int | None] = [*(None for _ in self._firsts), 0]
        for first in reversed(self._firsts):
            for options in self._once[first]:
                behind, known = peaks[options.last + 1], peaks[first]
                if behind is not None:
                    peak = max(behind, options.peaks[0])
                    peaks[first] = peak if known is None else min(known, peak)
        return peaks

    def once(self) -> list[Section] | None:
        """The lowest peak with nothing computed twice, and for it the fewest calls of kernels."""
        return _path(self._once, self.least_peak) if self.least_peak is not None else None

    def best(self, max_extra_macs: int, limit_bytes: int | None) -> Iterator[list[Section]]:
        """The lowest peak, or the least extra work within a limit; two partitions where packing decides.

        limit_bytes: where nothing stays within it, a peak about as low as can be.
        """
        if self.least_peak is None:
            return
        if limit_bytes is None:
            lowest = self.lowest(max_extra_macs)
            assert lowest is not None
            yield lowest
            found: list[Section] | None
            *_, found = (None, *self.deeper(lowest, max_extra_macs))
        else:
            found = self.once() if self.least_peak <= limit_bytes else self.within(limit_bytes, max_extra_macs)
            found = found or self.with_columns_again(limit_bytes, max_extra_macs)
            # where nothing fits, the plan only tells about how much is missing
            found = found or self.quick().lowest(max_extra_macs, limit_bytes)
        if found is not None:
            yield found

    def within(self, limit_bytes: int, max_extra_macs: int, columns_again: bool = False) -> list[Section] | None:
        """The least extra work for a peak within the limit, as far as the search finds it; None when there is none."""
        limits = Limits(limit_bytes, max_extra_macs, self.choices, columns_again)
        found = _path(self._edges(limits), limit_bytes)
        return found if found is not None and extra_macs(found) <= max_extra_macs else None

    def quick(self) -> Partition:
        """The same with fewer choices."""
        other = copy(self)
        other.choices = QUICK_CHOICES
        return other

    def lowest(self, max_extra_macs: int, above_bytes: int = 0) -> list[Section] | None:
        """The lowest peak for so much extra work. above_bytes: it is known to be higher."""
        if max_extra_macs <= 0 or self.least_peak is None:
            return self.once()
        # the search is fast where little is possible, so the limit comes from below
        limit = max(self.least_peak / 4, above_bytes * _LADDER)
        while limit < self.least_peak:
            *_, found = (None, *self.front(int(limit), max_extra_macs))
            if found is not None:
                return found
            limit *= _LADDER
        *_, found = self.front(self.least_peak, max_extra_macs)
        return found

    def front(self, limit_bytes: int, max_extra_macs: int) -> Iterator[list[Section]]:
        """Partitions of ever lower peak and ever more work, within limits; none beats another in both."""
        best = self.within(limit_bytes, max_extra_macs)
        while best is not None:
            # no section may be as large as the largest of these
            peak = max((section.peak_bytes for section in best), default=0)
            below = self._below(peak, extra_macs(best), max_extra_macs) if best else None
            if below is None or extra_macs(below) > extra_macs(best):
                yield best
            best = below

    def _below(self, peak_bytes: int, known_macs: int, max_extra_macs: int) -> list[Section] | None:
        """The least work for a lower peak."""
        # the search is fast where little is possible, so the bound comes from below
        step = max(1, self.network.macs // _FIRST_BOUND)
        while known_macs + step < max_extra_macs:
            found = self.within(peak_bytes - 1, known_macs + step)
            if found is not None:
                return found
            step *= 2
        return self.within(peak_bytes - 1, max_extra_macs)

    def deeper(self, found: list[Section], max_extra_macs: int) -> Iterator[list[Section]]:
        """Partitions of ever lower peak than one that was found, where columns of strips are computed again, too.

        The last resort: this seldom gives much, and with it there are several ways for each run of strips.
        """
        better: list[Section] | None = found
        while better:
            peak = max(section.peak_bytes for section in better)
            better = self.with_columns_again(peak - 1, max_extra_macs)
            if better is not None:
                yield better

    def with_columns_again(self, limit_bytes: int, max_extra_macs: int) -> list[Section] | None:
        """As `within`, but columns of strips may be computed again, too, and fewer choices are kept."""
        if max_extra_macs <= 0 or not self.network.knobs.columns_again:
            return None
        return self.quick().within(limit_bytes, max_extra_macs, columns_again=True)

    def _edges(self, limits: Limits) -> list[list[Options]]:
        """Sections within the limits, from nodes that sections within the limits lead to."""
        reached: list[int | None] = [0, *(None for _ in self._firsts)]
        edges: list[list[Options]] = []
        effort = Effort(EFFORT)
        for first in self._firsts:
            start = reached[first]
            if start is None or start > limits.macs:
                edges.append([])
                continue
            tail = self._tails[first]
            once_will_do = tail is not None and tail <= limits.bytes
            again = [] if once_will_do else self._fused(first, limits._replace(macs=limits.macs - start), effort)
            edges.append(self._once[first] + again)
            for options in edges[-1]:
                number = options.within(limits.bytes)
                if number >= 0:
                    extra, known = start + options.extra[number], reached[options.last + 1]
                    reached[options.last + 1] = extra if known is None else min(known, extra)
        return edges


def _path(edges: Sequence[Sequence[Options]], peak_bytes: float) -> list[Section] | None:
    """The partition with the least extra work whose peak stays within the bytes; among those the fewest calls.

    None when there is none.
    """
    best: list[tuple[int, int] | None] = [(0, 0), *(None for _ in edges)]
    chosen: list[tuple[Options, int] | None] = [None] * len(best)
    for start, leaving in zip(best, edges, strict=False):
        for options in leaving if start is not None else ():
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
