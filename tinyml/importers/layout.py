"""In which order a tensor's elements are stored, against the order that the source format states: no data, only sides.

A format that thinks in NCHW is imported without moving anything: each tensor is stored in whatever order its producer
writes it, and its Layout says how that relates to the shape that the format states. A Transpose, Reshape or Flatten in
the file only changes the relation. Elements are moved where an operator cannot read the order that it meets.

    stated [1, 8, 4, 6], stored NHWC          sides (8, 24), order (1, 0)
    the same, flattened to [1, 192]           sides (8, 24), order (1, 0)
    as [1, 2, 4, 4, 6], axes 1 and 2 swapped  sides (4, 2, 24), order (2, 1, 0)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinyml.ir import Shape


@dataclass(frozen=True)
class Layout:
    """sides: factors of the stated shape, all above 1, outermost first. order: `order[k]` is the k-th side as stored.

    Sides that are neighbours in both orders are one side, so that equal layouts compare equal.
    """

    sides: tuple[int, ...]
    order: tuple[int, ...]

    @classmethod
    def of(cls, shape: Shape, axes: Sequence[int]) -> Layout:
        """Of a tensor that stores the stated `axes` of `shape` in this order; axes of side 1 may be left out."""
        kept = [axis for axis, side in enumerate(shape) if side != 1]
        order = tuple(kept.index(axis) for axis in axes if axis in kept)
        return cls(tuple(shape[axis] for axis in kept), order).joined()

    @property
    def is_plain(self) -> bool:
        """Stored as stated."""
        return self.order == tuple(range(len(self.order)))

    def joined(self) -> Layout:
        runs: list[list[int]] = []
        for side in self.order:
            if runs and runs[-1][-1] + 1 == side:
                runs[-1].append(side)
            else:
                runs.append([side])
        stated = sorted(range(len(runs)), key=lambda run: runs[run][0])
        sides = tuple(math.prod(self.sides[side] for side in runs[run]) for run in stated)
        return Layout(sides, tuple(stated.index(run) for run in range(len(runs))))

    def cut(self, shape: Shape) -> Cut | None:
        """The sides cut so that each axis of `shape` is a run of them; None where an axis ends inside a side."""
        pieces: list[list[int]] = [[] for _ in self.sides]
        axes: list[list[tuple[int, int]]] = []
        index, rest = -1, 1
        for side in shape:
            axes.append([])
            while side > 1:
                if rest == 1:
                    index += 1
                    rest = self.sides[index]
                piece = min(rest, side)
                if rest % piece or side % piece:
                    return None
                rest, side = rest // piece, side // piece
                axes[-1].append((index, len(pieces[index])))
                pieces[index].append(piece)
        starts = [sum(map(len, pieces[:at])) for at in range(len(pieces))]
        groups = tuple(tuple(starts[at] + nth for at, nth in axis) for axis in axes)
        order = tuple(starts[at] + nth for at in self.order for nth in range(len(pieces[at])))
        return Cut(tuple(piece for side in pieces for piece in side), order, groups)

    def transposed(self, shape: Shape, permutation: Sequence[int]) -> Layout:
        """Of the same stored elements when the axes of the stated `shape` are permuted; it must be the tensor's."""
        cut = self.cut(shape)
        assert cut is not None
        stated = [side for axis in permutation for side in cut.groups[axis]]
        return Layout(tuple(cut.sides[s] for s in stated), tuple(stated.index(s) for s in cut.order)).joined()


@dataclass(frozen=True)
class Cut:
    """A layout whose sides are cut to a shape. groups: for each axis of the shape the sides it consists of."""

    sides: tuple[int, ...]
    order: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]

    def sizes(self, sides: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.sides[side] for side in sides)

    def axes(self) -> tuple[int, ...] | None:
        """The stated axes in stored order, those of side 1 first; None when one of them is not stored in one run."""
        empty = [axis for axis, group in enumerate(self.groups) if not group]
        full = [axis for axis, group in enumerate(self.groups) if group]
        full.sort(key=lambda axis: self.order.index(self.groups[axis][0]))
        stored = tuple(side for axis in full for side in self.groups[axis])
        return (*empty, *full) if stored == self.order else None
