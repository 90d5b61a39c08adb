"""Offsets for boxes with fixed lifetimes (dynamic storage allocation): greedy, then exact where that is not proved."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

ALIGNMENT = 4  # kernels may read words
_MOST_ORDERED = 6  # boxes that may overlap, as many as `Borders` lets through: of more, not every order is tried


@dataclass(frozen=True)
class Box:
    """Bytes needed during steps first..last, both included."""

    size_bytes: int
    first: int
    last: int

    def meets(self, other: Box) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Packing:
    """offsets: one per box. total_bytes: the height reached. lower_bound_bytes: proved for these boxes."""

    offsets: tuple[int, ...]
    total_bytes: int
    lower_bound_bytes: int


# (low, high) -> least distance between their starts when `low` lies below `high`, where that is less than low's size:
# `low` overwrites the part of `high` that has been consumed
Overlaps = Mapping[tuple[int, int], int]


def align(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


def pack(boxes: Sequence[Box], overlaps: Overlaps | None = None, seconds: float = 5.0) -> Packing:
    """Least total height found, with the bound that was proved. Deterministic for equal input."""
    rounded, gaps = aligned(boxes, overlaps or {})
    bound = live_bound(rounded, gaps)
    best = _first_fits(rounded, gaps)
    if best[1] > bound:
        best, bound = _packed(tuple(rounded), tuple(gaps.items()), best, bound, seconds)
    return Packing(*best, bound)


def may_pack(boxes: Sequence[Box], overlaps: Overlaps, limit_bytes: int, seconds: float = 0.5) -> bool:
    """Whether boxes take no more than a limit; True where that is not settled within the (deterministic) time."""
    rounded, gaps = aligned(boxes, overlaps)
    bound = live_bound(rounded, gaps)
    if bound > limit_bytes:
        return False
    best = _first_fits(rounded, gaps)
    if best[1] <= limit_bytes:
        return True
    return _packed(tuple(rounded), tuple(gaps.items()), best, bound, seconds)[1] <= limit_bytes


def aligned(boxes: Sequence[Box], overlaps: Overlaps) -> tuple[list[Box], dict[tuple[int, int], int]]:
    """The boxes and distances as they are packed."""
    rounded = [Box(align(box.size_bytes), box.first, box.last) for box in boxes]
    return rounded, {pair: align(gap) for pair, gap in overlaps.items()}


def live_bound(boxes: Sequence[Box], overlaps: Overlaps | None = None) -> int:
    """The most that is needed for the boxes of one moment: no packing is lower."""
    gaps, best = overlaps or {}, 0
    for moment in {box.first for box in boxes}:
        alive = {i: box.size_bytes for i, box in enumerate(boxes) if box.first <= moment <= box.last}
        best = max(best, least_height(alive, gaps))
    return best


def least_height(sizes: Mapping[int, int], overlaps: Overlaps) -> int:
    """Of boxes, by number, that are all alive at once. Where very many may overlap, no more than that."""
    pairs = [pair for pair in overlaps if pair[0] in sizes and pair[1] in sizes]
    total = sum(sizes.values())
    for group in _linked(pairs):
        numbers = {box: number for number, box in enumerate(sorted(group))}
        own = tuple(sizes[box] for box in numbers)
        gaps = ((numbers[low], numbers[high], overlaps[low, high]) for low, high in pairs if low in group)
        total += _stacked(own, tuple(gaps)) - sum(own)
    return total


def _linked(pairs: Sequence[tuple[int, int]]) -> list[set[int]]:
    """Boxes that may overlap, directly or by way of others."""
    groups: list[set[int]] = []
    for pair in pairs:
        joined = set(pair).union(*(group for group in groups if not group.isdisjoint(pair)))
        groups = [joined, *(group for group in groups if group.isdisjoint(pair))]
    return groups


@lru_cache(maxsize=4096)
def _stacked(sizes: tuple[int, ...], gaps: tuple[tuple[int, int, int], ...]) -> int:
    """Least height over all orders, by where boxes start. gaps: (low, high, least distance between their starts)."""
    distance = {(low, high): min(gap, sizes[low]) for low, high, gap in gaps}
    best = sum(sizes)
    if len(sizes) > _MOST_ORDERED:
        saved = sum(min(sizes[low] - gap, sizes[high]) for (low, high), gap in distance.items())
        return max(*sizes, best - saved)
    for order in itertools.permutations(range(len(sizes))):
        starts: dict[int, int] = {}
        for box in order:
            ends = (start + distance.get((below, box), sizes[below]) for below, start in starts.items())
            starts[box] = max(ends, default=0)
            if starts[box] + sizes[box] >= best:
                break
        else:
            best = max(start + sizes[box] for box, start in starts.items())
    return best


def _orders(boxes: Sequence[Box]) -> list[list[int]]:
    """Orders in which first-fit does well: by size, by size times life, by length of life, by start."""
    indices = range(len(boxes))
    return [
        sorted(indices, key=lambda i: (-boxes[i].size_bytes, boxes[i].first)),
        sorted(indices, key=lambda i: (-boxes[i].size_bytes * (boxes[i].last - boxes[i].first + 1), boxes[i].first)),
        sorted(indices, key=lambda i: (boxes[i].first - boxes[i].last, -boxes[i].size_bytes)),
        sorted(indices, key=lambda i: (boxes[i].first, -boxes[i].size_bytes)),
    ]


def _first_fits(boxes: Sequence[Box], overlaps: Overlaps) -> tuple[tuple[int, ...], int]:
    """(offsets, total) of the order that does best."""
    found = (_first_fit(boxes, overlaps, order) for order in _orders(boxes))
    offsets, total = min(found, key=lambda packing: packing[1])
    return tuple(offsets), total


def _first_fit(boxes: Sequence[Box], overlaps: Overlaps, order: Sequence[int]) -> tuple[list[int], int]:
    """Each box in turn at the lowest offset that every box placed before allows."""
    offsets = [0] * len(boxes)
    placed: list[int] = []
    for index in order:
        forbidden = sorted(
            _forbidden(boxes, overlaps, offsets, index, i) for i in placed if boxes[i].meets(boxes[index])
        )
        offset = 0
        for begin, end in forbidden:
            if begin < offset < end:
                offset = end
        offsets[index] = offset
        placed.append(index)
    return offsets, max((o + box.size_bytes for o, box in zip(offsets, boxes, strict=True)), default=0)


def _forbidden(
    boxes: Sequence[Box], overlaps: Overlaps, offsets: Sequence[int], box: int, placed: int
) -> tuple[int, int]:
    """The open interval of offsets that a placed box rules out."""
    below = overlaps.get((box, placed), boxes[box].size_bytes)
    above = overlaps.get((placed, box), boxes[placed].size_bytes)
    return offsets[placed] - below, offsets[placed] + above


def cp_model() -> Any:
    """CP-SAT. Imported behind TensorFlow it would run into TensorFlow's copy of Abseil and crash the process: there it
    is bound to its own libraries."""
    if sys.platform == "win32" or "tensorflow" not in sys.modules:
        from ortools.sat.python import cp_model as module

        return module
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | getattr(os, "RTLD_DEEPBIND", 0))
    try:
        from ortools.sat.python import cp_model as module
    finally:
        sys.setdlopenflags(flags)
    return module


def deterministic_solver(seconds: float) -> Any:
    """One worker and deterministic time: the same plan on every machine."""
    solver = cp_model().CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = seconds
    solver.parameters.catch_sigint_signal = False  # else Ctrl-C would kill the process past every clean-up
    return solver


def solved(status: Any) -> bool:
    return status in (cp_model().OPTIMAL, cp_model().FEASIBLE)


@lru_cache(maxsize=1024)  # partitions that differ in nothing that is packed are many
def _packed(
    boxes: tuple[Box, ...],
    overlaps: tuple[tuple[tuple[int, int], int], ...],
    hint: tuple[tuple[int, ...], int],
    bound: int,
    seconds: float,
) -> tuple[tuple[tuple[int, ...], int], int]:
    (offsets, total), proved = _solve(boxes, dict(overlaps), hint, bound, seconds)
    return (tuple(offsets), total), proved


def _solve(
    boxes: Sequence[Box], overlaps: Overlaps, hint: tuple[Sequence[int], int], bound: int, seconds: float
) -> tuple[tuple[Sequence[int], int], int]:
    """CP-SAT over the offsets in units of ALIGNMENT: ((offsets, total), proved lower bound)."""
    model = cp_model().CpModel()
    height = model.new_int_var(bound // ALIGNMENT, hint[1] // ALIGNMENT, "height")
    starts = []
    for i, box in enumerate(boxes):
        size = box.size_bytes // ALIGNMENT
        start = model.new_int_var(0, hint[1] // ALIGNMENT - size, f"start_{i}")
        model.add(start + size <= height)
        model.add_hint(start, hint[0][i] // ALIGNMENT)
        starts.append(start)
    for i, box in enumerate(boxes):
        for j in range(i):
            if box.meets(boxes[j]):
                below = model.new_bool_var(f"{i}_below_{j}")
                gap = overlaps.get((i, j), box.size_bytes) // ALIGNMENT
                model.add(starts[i] + gap <= starts[j]).only_enforce_if(below)
                gap = overlaps.get((j, i), boxes[j].size_bytes) // ALIGNMENT
                model.add(starts[j] + gap <= starts[i]).only_enforce_if(below.negated())
    model.minimize(height)
    solver = deterministic_solver(seconds)
    status = solver.solve(model)
    if not solved(status):
        return hint, bound
    offsets = [int(solver.value(start)) * ALIGNMENT for start in starts]
    total = int(solver.value(height)) * ALIGNMENT
    proved = total if status == cp_model().OPTIMAL else max(bound, int(solver.best_objective_bound) * ALIGNMENT)
    return (offsets, total), proved
