"""Choices of what a growing section computes again, as rows of costs, and which of them are worth carrying along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyml.ir import Tensor
from tinyml.scheduler.rows import Again
from tinyml.scheduler.strips import Run

CARRIED, WITHIN, EXTRA = range(3)  # columns of costs
ROWS_AGAIN, COLUMNS_AGAIN, WHOLE = range(3)  # parts of choices
CHOSEN = 3


class State(NamedTuple):
    """Choices of nodes that compute again, among the nodes so far, that differ in nothing that is not settled yet.

    open: tensors from inside whose memory is not settled: they are still read, or how is not known yet.
    passing: bytes that live within a tick only, for each step from the first that is not settled on.
    runs: of nodes that work strip by strip, as far as they are known.
    again: one of the choices. choices: a row of bits per choice, a bit per node in each part: what is
    computed again, rows or columns, and what is not cut into strips.
    costs: a row per choice: (bytes that live on from tick to tick, most bytes that live within a tick only over the
    settled steps, extra MACs).
    passes: open tensors of which it is known that they live within a tick, but not in which run.
    more: (bytes that live on, extra MACs) that the open tensors add at the least.
    """

    open: tuple[Tensor, ...]
    passing: tuple[int, ...]
    runs: tuple[Run, ...]
    again: Again
    costs: NDArray[np.int64]
    choices: NDArray[np.uint64]
    passes: frozenset[Tensor] = frozenset()
    more: tuple[int, int] = (0, 0)

    @property
    def least_peaks(self) -> NDArray[np.int64]:
        """Bytes at the worst step, with what the open tensors add at the least."""
        return self.peaks + self.more[0]

    @property
    def least_extra(self) -> NDArray[np.int64]:
        """Extra MACs, with what the open tensors add at the least."""
        return self.costs[:, EXTRA] + self.more[1]

    @property
    def peaks(self) -> NDArray[np.int64]:
        """Bytes at the worst step, without what is held whole."""
        return self.costs[:, CARRIED] + np.maximum(self.costs[:, WITHIN], max(self.passing, default=0))

    def of(self, rows: NDArray[Any]) -> State:
        return self._replace(costs=self.costs[rows], choices=self.choices[rows])


def with_bit(choices: NDArray[np.uint64], number: int, part: int) -> NDArray[np.uint64]:
    """The rows of bits with one more bit set, of a node by number."""
    choices = choices.copy()
    choices[:, choices.shape[1] // CHOSEN * part + number // 64] |= np.uint64(1 << number % 64)
    return choices


def merged(states: Sequence[State], every: bool = False) -> State:
    """The choices of several states that none of the others beats, or every one."""
    costs = np.concatenate([state.costs for state in states])
    choices = np.concatenate([state.choices for state in states])
    if every:
        return states[0]._replace(costs=costs, choices=choices)
    order = np.lexsort(costs.T)
    costs, choices = costs[order], choices[order]
    if len(costs) > 1:
        beaten = (costs[None] <= costs[:, None]).all(axis=2)
        # of equal rows, the first stays
        kept = ~np.tril(beaten, -1).any(axis=1)
        costs, choices = costs[kept], choices[kept]
    return states[0]._replace(costs=costs, choices=choices)


def selected(states: list[State], count: int) -> list[State]:
    """All choices when they are so many at most; else those that promise least memory in classes of extra work."""
    if sum(len(state.costs) for state in states) <= count:
        return states
    owner = np.repeat(np.arange(len(states)), [len(state.costs) for state in states])
    peaks = np.concatenate([state.least_peaks for state in states])
    extra = np.concatenate([state.least_extra for state in states])
    classes = np.linspace(extra.min(), extra.max() + 1, count // 2 + 1)
    number = np.searchsorted(classes, extra, "right")
    order = np.lexsort((extra, peaks, number))
    rank = np.arange(len(order)) - np.searchsorted(number[order], number[order])  # within its class
    kept = np.zeros(len(order), bool)
    kept[order[np.argsort(rank, kind="stable")[:count]]] = True
    found = [state.of(kept[owner == index]) for index, state in enumerate(states)]
    return [state for state in found if len(state.costs)]
