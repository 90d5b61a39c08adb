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
    height = int(done[-1])
    done = np.concatenate([[0], done])  # the first call begins at row 0: the form must hold before the first tick too
    ticks = np.arange(-1, len(done) - 1)
    for rows, per in _RATES:
        lowest = np.where(done > 0, done * per, -(2**40)) - ticks * rows
        highest = np.where(done < height, done * per + per - 1, 2**40) - ticks * rows
        low, high = int(lowest.max()), int(highest.min())
        if low <= high:
            return Progress(rows, per, min(max(0, low), high), height)
    return None


def single_tick(rows: RowRange) -> int | None:
    """The one tick at which anything is computed, if there is just one."""
    active = np.flatnonzero(rows.end > rows.begin)
    return int(active[0]) if len(active) == 1 else None
