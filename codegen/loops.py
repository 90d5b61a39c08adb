"""Row arithmetic of fused groups as C expressions of the loop variable `tick`, resolved as far as numbers allow."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np

from tinyml.scheduler.rows import RowRange, Rows

_RATES = sorted(
    ((m, d) for m in range(1, 9) for d in range(1, 65) if gcd(m, d) == 1), key=lambda rate: (rate[0], rate[1])
)


@dataclass(frozen=True)
class Progress:
    """Rows done after tick t: clamp((t * rows + lead) / ticks, 0, height)."""

    rows: int
    ticks: int
    lead: int
    height: int

    def text(self, late: int) -> str:
        """The rows done after tick `tick - late`."""
        lead = self.lead - late * self.rows
        fed = "tick" if self.rows == 1 else f"tick * {self.rows}"
        if lead:
            fed = f"{fed} {'+' if lead > 0 else '-'} {abs(lead)}"
        if self.ticks > 1:
            fed = f"({fed}) / {self.ticks}" if " " in fed else f"{fed} / {self.ticks}"
        return f"tml_clamp({fed}, 0, {self.height})"


def progress(done: Rows) -> Progress | None:
    """The closed form of a node's progress, or None when it has none of this shape."""
    done = np.concatenate([[0], done])  # the first call begins at row 0: the form must hold before the first tick too
    return _fitted(np.arange(-1, len(done) - 1), done, int(done[-1]))


def _fitted(ticks: Rows, done: Rows, height: int) -> Progress | None:
    """The form that gives the rows done after each of the ticks."""
    for rows, per in _RATES:
        lowest = np.where(done > 0, done * per, -(2**40)) - ticks * rows
        highest = np.where(done < height, done * per + per - 1, 2**40) - ticks * rows
        low, high = int(lowest.max()), int(highest.min())
        if low <= high:
            return Progress(rows, per, min(max(0, low), high), height)
    return None


@dataclass(frozen=True)
class Again:
    """Rows [begin, end) at every `period` ticks from `first` to `last`, for a node that computes rows again."""

    first: int
    last: int
    period: int
    begin: Progress
    end: Progress

    def guard(self, ticks: int) -> str:
        """When anything is computed, in a loop over so many ticks."""
        tests = [f"tick >= {self.first}"] if self.first else []
        tests += [f"tick <= {self.last}"] if self.last < ticks - 1 else []
        if self.period > 1:
            tests.append(f"tick % {self.period} == {self.first % self.period}")
        return " && ".join(tests)


def again(rows: RowRange, height: int) -> Again | None:
    """The closed form of ranges of which each begins before the last one ended, or None when there is none."""
    active = np.flatnonzero(rows.active)
    periods = np.unique(np.diff(active))
    begin, end = (_fitted(active, done[active], height) for done in (rows.begin, rows.end))
    if len(periods) > 1 or begin is None or end is None:
        return None
    return Again(int(active[0]), int(active[-1]), int(periods[0]) if len(periods) else 1, begin, end)


def single_tick(rows: RowRange) -> int | None:
    """The one tick at which anything is computed, if there is just one."""
    active = np.flatnonzero(rows.end > rows.begin)
    return int(active[0]) if len(active) == 1 else None
