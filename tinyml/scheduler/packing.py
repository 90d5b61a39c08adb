"""Offsets for boxes with fixed lifetimes (dynamic storage allocation): greedy, then exact where that is not proved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 4  # kernels may read words


@dataclass(frozen=True)
class Box:
    """Bytes needed during groups first..last, both included."""

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


def align(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT


def pack(boxes: Sequence[Box], seconds: float = 5.0) -> Packing:
    """Least total height found, with the bound that was proved. Deterministic for equal input."""
    rounded = [Box(align(box.size_bytes), box.first, box.last) for box in boxes]
    bound = live_bound(rounded)
    best = min((_first_fit(rounded, order) for order in _orders(rounded)), key=lambda packing: packing[1])
    if best[1] > bound:
        best, bound = _solve(rounded, best, bound, seconds)
    return Packing(tuple(best[0]), best[1], bound)


def live_bound(boxes: Sequence[Box]) -> int:
    """The most bytes alive at once: no packing is lower."""
    moments = {box.first for box in boxes}
    return max((sum(b.size_bytes for b in boxes if b.first <= moment <= b.last) for moment in moments), default=0)


def _orders(boxes: Sequence[Box]) -> list[list[int]]:
    """Orders in which first-fit does well: by size, by size times life, by start."""
    indices = range(len(boxes))
    return [
        sorted(indices, key=lambda i: (-boxes[i].size_bytes, boxes[i].first)),
        sorted(indices, key=lambda i: (-boxes[i].size_bytes * (boxes[i].last - boxes[i].first + 1), boxes[i].first)),
        sorted(indices, key=lambda i: (boxes[i].first - boxes[i].last, -boxes[i].size_bytes)),
        sorted(indices, key=lambda i: (boxes[i].first, -boxes[i].size_bytes)),
    ]


def _first_fit(boxes: Sequence[Box], order: Sequence[int]) -> tuple[list[int], int]:
    """Each box in turn at the lowest offset free during its whole life."""
    offsets = [0] * len(boxes)
    placed: list[int] = []
    for index in order:
        taken = sorted((offsets[i], boxes[i].size_bytes) for i in placed if boxes[i].meets(boxes[index]))
        offset = 0
        for begin, size in taken:
            if begin - offset >= boxes[index].size_bytes:
                break
            offset = max(offset, begin + size)
        offsets[index] = offset
        placed.append(index)
    return offsets, max((o + box.size_bytes for o, box in zip(offsets, boxes, strict=True)), default=0)


def _solve(
    boxes: Sequence[Box], hint: tuple[list[int], int], bound: int, seconds: float
) -> tuple[tuple[list[int], int], int]:
    """CP-SAT over the offsets in units of ALIGNMENT: ((offsets, total), proved lower bound)."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    height = model.new_int_var(bound // ALIGNMENT, hint[1] // ALIGNMENT, "height")
    starts, lives, spans = [], [], []
    for i, box in enumerate(boxes):
        size = box.size_bytes // ALIGNMENT
        start = model.new_int_var(0, hint[1] // ALIGNMENT - size, f"start_{i}")
        model.add(start + size <= height)
        model.add_hint(start, hint[0][i] // ALIGNMENT)
        starts.append(start)
        spans.append(model.new_fixed_size_interval_var(start, size, f"span_{i}"))
        lives.append(model.new_fixed_size_interval_var(box.first, box.last - box.first + 1, f"life_{i}"))
    model.add_no_overlap_2d(lives, spans)
    model.minimize(height)
    solver = cp_model.CpSolver()
    # one worker and deterministic time: the same plan on every machine
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = seconds
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return hint, bound
    offsets = [int(solver.value(start)) * ALIGNMENT for start in starts]
    total = int(solver.value(height)) * ALIGNMENT
    proved = total if status == cp_model.OPTIMAL else max(bound, int(solver.best_objective_bound) * ALIGNMENT)
    return (offsets, total), proved
