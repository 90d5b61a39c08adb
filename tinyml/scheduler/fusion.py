"""Which nodes run together: partitions into fused groups, by dynamic programming.

Groups are runs of neighbours in the graph's order. What a group needs depends on that group alone: tensors that cross
its borders are held whole, those inside in rings or computed again (sections.py). So the least peak over all partitions
is a shortest path in which the greatest edge counts, and the extra work one in which edges add up; both are exact for
the costs used. Source of the formulation: msf-CNN (arXiv 2505.11483).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property

from tinyml.scheduler.bound import network_fits
from tinyml.scheduler.network import CHOICES, QUICK_CHOICES, Effort, Limits, Network
from tinyml.scheduler.packing import align
from tinyml.scheduler.sections import Options, Section, fused_sections, section_alone

EFFORT = 8000  # of one search: some seconds; networks that are done sooner, such as all small ones, are searched whole
SMALL = 12  # nodes of networks of which every partition is looked at
_LADDER = 1.15  # from one limit to the next while the lowest peak is looked for from below
_NEAR = 1.005  # a peak that is about the lowest, over one that is known to be too low
_FIRST_BOUND = 50  # the part of a model's work by which a bound on the work is first raised


class Partition:
    """All partitions of a network into sections.

    choices: kept while a section grows in which something is computed twice; fewer are faster and may find more work.
    """

    def __init__(self, network: Network, choices: int = CHOICES) -> None:
        self.network, self.choices = network, choices
        self._reach = float("-inf")  # bytes within which sections are known in which nothing is computed twice
        self._once: list[list[Options]] = []
        self._tails: list[int | None] = []

    @cached_property
    def least_peak(self) -> int | None:
        """Bytes at the worst step of the best partition with nothing computed twice; None when the input is to be fed
        by rows and cannot be."""
        kernels = [*self.network.alone.items(), *self.network.fused.items()]
        scratch = sum(align(kernel.scratch_bytes(node)) for node, kernel in kernels)
        most = sum(life.size_bytes for life in self.network.lives) + scratch
        if not network_fits(self.network, most):
            return None
        return bisect_left(range(most), True, key=lambda limit: network_fits(self.network, limit))

    @property
    def _firsts(self) -> range:
        return range(len(self.network.nodes))

    def _reach_out(self, limit_bytes: float) -> None:
        """Finds what is missing of the sections in which nothing is computed twice, to these bytes."""
        if limit_bytes > self._reach:
            self._reach = limit_bytes
            limits = Limits(limit_bytes)
            self._once = [self._alone(first) + self._fused(first, limits) for first in self._firsts]
            self._tails = self._least_peaks()

    def _alone(self, first: int) -> list[Options]:
        feeds = first == 0 and self.network.fed is not None
        return [] if feeds else [section_alone(self.network, first)]

    def _fused(self, first: int, limits: Limits, effort: Effort | None = None) -> list[Options]:
        return list(fused_sections(self.network, first, limits, effort))

    def _least_peaks(self) -> list[int | None]:
        """From each node to the end: the least peak with nothing computed twice; None where none is known."""
        peaks: list[int | None] = [*(None for _ in self._firsts), 0]
        for first in reversed(self._firsts):
            for options in self._once[first]:
                behind, known = peaks[options.last + 1], peaks[first]
                if behind is not None and options.peaks:
                    peak = max(behind, options.peaks[0])
                    peaks[first] = peak if known is None else min(known, peak)
        return peaks

    def once(self) -> list[Section] | None:
        """The lowest peak with nothing computed twice, and for it the fewest calls of kernels."""
        if self.least_peak is None:
            return None
        self._reach_out(self.least_peak)
        return _path(self._once, self.least_peak)

    def best(self, max_extra_macs: float, limit_bytes: int | None) -> Iterator[list[Section]]:
        """The lowest peak, or the least extra work within a limit; two partitions where packing decides.

        limit_bytes: where nothing stays within it, a peak about as low as can be.
        """
        if self.least_peak is None:
            return
        found: list[Section] | None
        if limit_bytes is None:
            lowest = self.lowest(max_extra_macs)
            assert lowest is not None
            yield lowest
            *_, found = (None, *self.deeper(lowest, max_extra_macs))
        else:
            found = self.once() if self.least_peak <= limit_bytes else self.within(limit_bytes, max_extra_macs)
            found = found or self.with_columns_again(limit_bytes, max_extra_macs)
            # where nothing fits, the plan only tells about how much is missing
            found = found or self.about_lowest(max_extra_macs, limit_bytes)
        if found is not None:
            yield found

    def within(self, limit_bytes: int, max_extra_macs: float, columns_again: bool = False) -> list[Section] | None:
        """The least extra work for a peak within the limit, as far as the search finds it; None when there is none."""
        limits = Limits(limit_bytes, max_extra_macs, self.choices, columns_again)
        found = _path(self._edges(limits), limit_bytes)
        return found if found is not None and extra_macs(found) <= max_extra_macs else None

    def lowest(self, max_extra_macs: float) -> list[Section] | None:
        """The lowest peak for so much extra work."""
        if max_extra_macs <= 0 or self.least_peak is None:
            return self.once()
        first = self._from_below(max_extra_macs, self.least_peak / (4 * _LADDER))
        *_, found = self.front(self.least_peak, max_extra_macs, first)
        return found

    def about_lowest(self, max_extra_macs: float, above_bytes: int) -> list[Section] | None:
        """As `lowest`, quicker, and by up to _NEAR off. above_bytes: the peak is known to be higher."""
        if max_extra_macs <= 0 or self.least_peak is None:
            return self.once()
        quick = self._quick
        low = max(above_bytes, self.least_peak / 4)
        best = quick._from_below(max_extra_macs, low) or self.once()
        while best is not None and peak_bytes(best) > (low := max(low, peak_bytes(best) / _LADDER)) * _NEAR:
            middle = (low + peak_bytes(best)) / 2
            found = quick.within(int(middle), max_extra_macs)
            low, best = (low, found) if found is not None else (middle, best)
        return best

    @cached_property
    def _quick(self) -> Partition:
        """The same with fewer choices."""
        quick = Partition(self.network, QUICK_CHOICES)
        quick.least_peak = self.least_peak
        return quick

    def _from_below(self, max_extra_macs: float, above_bytes: float) -> list[Section] | None:
        """The least extra work within the first limit that will do, of ever higher ones up to `least_peak`."""
        # the search is fast where little is possible, so the limit comes from below
        limit = above_bytes * _LADDER
        while self.least_peak is not None and limit < self.least_peak:
            found = self.within(int(limit), max_extra_macs)
            if found is not None:
                return found
            limit *= _LADDER
        return None

    def least_work(self, limit_bytes: int, known_macs: float, max_extra_macs: float) -> list[Section] | None:
        """As `within`, where it is known that less extra work than `known_macs` does not do."""
        # the search is fast where little is possible, so the bound comes from below
        step = max(1, self.network.macs // _FIRST_BOUND)
        while known_macs + step < max_extra_macs:
            found = self.within(limit_bytes, known_macs + step)
            if found is not None:
                return found
            step *= 2
        return self.within(limit_bytes, max_extra_macs)

    def front(
        self, limit_bytes: int, max_extra_macs: float, first: list[Section] | None = None
    ) -> Iterator[list[Section]]:
        """Partitions of ever lower peak and ever more work, within limits; none beats another in both.

        first: of them, where it is known.
        """
        best = first if first is not None else self.within(limit_bytes, max_extra_macs)
        while best is not None:
            # no section may be as large as the largest of these
            below = self.least_work(peak_bytes(best) - 1, extra_macs(best), max_extra_macs) if best else None
            if below is None or extra_macs(below) > extra_macs(best):
                yield best
            best = below

    def deeper(self, found: list[Section], max_extra_macs: float) -> Iterator[list[Section]]:
        """Partitions of ever lower peak than one that was found, where columns of strips are computed again, too.

        The last resort: this seldom gives much, and with it there are several ways for each run of strips.
        """
        better: list[Section] | None = found
        while better:
            better = self.with_columns_again(peak_bytes(better) - 1, max_extra_macs)
            if better is not None:
                yield better

    def with_columns_again(self, limit_bytes: int, max_extra_macs: float) -> list[Section] | None:
        """As `within`, but columns of strips may be computed again, too, and fewer choices are kept."""
        if max_extra_macs <= 0 or not self.network.knobs.columns_again:
            return None
        return self._quick.within(limit_bytes, max_extra_macs, columns_again=True)

    def every(self, limit_bytes: int, max_extra_macs: float) -> list[list[Options]] | None:
        """All sections within the limit, those too that another one beats; None where they are too many."""
        if len(self.network.nodes) > SMALL:
            return None
        limits, effort = Limits(limit_bytes, max_extra_macs, EFFORT, every=True), Effort(EFFORT)
        edges = [self._alone(first) + self._fused(first, limits, effort) for first in self._firsts]
        return edges if effort.left >= 0 else None

    def options(self, limit_bytes: int, max_extra_macs: float, columns_again: bool = False) -> list[list[Options]]:
        """Sections within the limits, as far as the effort lasts; with columns again from fewer choices."""
        partition = self._quick if columns_again else self
        return partition._edges(Limits(limit_bytes, max_extra_macs, partition.choices, columns_again))

    def _edges(self, limits: Limits) -> list[list[Options]]:
        """Sections within the limits, from nodes that sections within the limits lead to."""
        self._reach_out(limits.bytes)
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


def peak_bytes(sections: Sequence[Section]) -> int:
    """The most bytes alive at a step."""
    return max((section.peak_bytes for section in sections), default=0)


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
