"""Strips of columns: within a tick, neighbouring nodes work through the width of their rows a few columns at a time.

A run of nodes whose tensors live within a tick only, but for the last output, takes one strip after the other. Of each
tensor between them a strip needs only the columns that its last output's columns depend on. Columns that two strips
need are either kept from the one to the other, as in StreamNet (NeurIPS 2023), or computed again by the other: then
the tensor lives no longer than within a strip, and more columns are read in front of it. MCUNetV2's patches (arXiv
2110.15352) are the special case in which all columns, and all rows in front, are computed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from tinyml.ir import Node, Tensor
from tinyml.kernel import Kernel
from tinyml.scheduler.rows import Rows

LEAST_COLUMNS = 4  # of a run's last output in a strip: with fewer, calls cost more than work


class Run(NamedTuple):
    """Nodes start..end (by number) that work strip by strip.

    kept_bytes: alive as long as any of them runs. again: the last one whose columns are computed again instead of being
    kept; so are those of all in front of it.
    """

    start: int
    end: int
    kept_bytes: int
    again: int = -1

    def with_node(self, number: int, again: bool, kept_bytes: int = 0) -> Run:
        """The run with the node in front of it, which computes columns again, or keeps them where it may."""
        return Run(number, self.end, self.kept_bytes + kept_bytes, number if again and self.again < 0 else self.again)


def run_with(runs: Iterable[Run], number: int) -> Run | None:
    """The run that a node is in, by number."""
    return next((run for run in runs if run.start <= number <= run.end), None)


@dataclass(frozen=True, eq=False)
class ColumnRange:
    """Per strip: columns [begin, end) are computed, columns from `first` on are read."""

    first: Rows
    begin: Rows
    end: Rows

    @property
    def held(self) -> int:
        """Columns that a buffer needs."""
        return max(1, int((self.end - self.first).max()))

    @property
    def keeps(self) -> bool:
        """Whether columns live on from one strip to the next: some are read that the strip does not compute."""
        return bool((self.first < self.begin).any())

    @property
    def again(self) -> bool:
        """Whether a strip computes columns that the one before has computed."""
        return bool((self.begin[1:] < np.minimum(self.end[:-1], self.end[1:])).any())

    @property
    def total(self) -> int:
        """Columns computed over all strips; a column computed twice counts twice."""
        return int((self.end - self.begin).sum())


def row_bytes(tensor: Tensor, columns: ColumnRange | None) -> int:
    """Of a row in a buffer that holds these columns, or all when None."""
    return columns.held * tensor.pixel_bytes if columns else tensor.row_bytes


@dataclass
class Strips:
    """Column ranges of runs.

    columns: of a run's last output in a strip, by the number of the node that computes it; LEAST_COLUMNS where absent.
    """

    number: Mapping[Node, int]
    readers: Mapping[Tensor, Sequence[Node]]
    kernels: Mapping[Node, Kernel]
    columns: Mapping[int, int] = field(default_factory=dict)
    _ranges: dict[tuple[Node, int, int], ColumnRange] = field(default_factory=dict)
    _cuttable: dict[Node, bool] = field(default_factory=dict)

    def extended(self, runs: Sequence[Run], tensor: Tensor, producer: Node) -> Run | None:
        """The run that a tensor that lives within a tick can be cut into strips in, together with its producer."""
        readers = self.readers.get(tensor, ())
        if not readers:
            return None
        last, start = self.number[readers[-1]], self.number[producer] + 1
        run = run_with(runs, last) or Run(last, last, 0)
        cuttable = all(self.may_be_cut(node) for node in (producer, *readers))
        return run if run.start == start and cuttable and self._several(run.end, readers[-1]) else None

    def _several(self, end: int, node: Node) -> bool:
        """Whether there is more than one strip. Outputs within a run are as wide as their readers make them."""
        while self.number[node] < end:
            node = self.readers[node.output][-1]
        return self.width(end) < node.output.hwc[1]

    def width(self, end: int) -> int:
        return self.columns.get(end, LEAST_COLUMNS)

    def may_be_cut(self, node: Node) -> bool:
        """Whether a node can compute some columns of its rows only."""
        if node not in self._cuttable:
            kernel = self.kernels[node]
            by_rows = kernel.by_rows and not kernel.accumulates and node.output.hwc[0] > 1
            self._cuttable[node] = by_rows and node.op.cut_columns(node, 0, 1) is not None
        return self._cuttable[node]

    def computed(self, node: Node, run: Run) -> ColumnRange:
        """What each strip computes of the output of a node of a run."""
        number = self.number[node]
        key = node, run.end, run.again if number <= run.again else -1
        if key not in self._ranges:
            if number == run.end:
                width, step = node.output.hwc[1], self.width(run.end)
                begin = np.arange(0, width, step, dtype=np.int64)
                self._ranges[key] = ColumnRange(begin, begin, np.minimum(begin + step, width))
            else:
                self._ranges[key] = self._needed(node.output, run, number <= run.again)
        return self._ranges[key]

    def _needed(self, tensor: Tensor, run: Run, again: bool) -> ColumnRange:
        """What the readers of a tensor need at each strip, and, but for columns computed again, have not had before."""
        reads = [
            (self.computed(node, run), node, index)
            for node in self.readers[tensor]
            for index, operand in enumerate(node.operands)
            if operand is tensor
        ]
        first, begin, done = list[int](), list[int](), list[int]()
        reached = 0
        for strip in range(len(reads[0][0].end)):
            spans = [read for r, node, i in reads if (read := _read(node, i, r, strip)) is not None]
            first.append(min((span[0] for span in spans), default=reached))
            begin.append(first[-1] if again else max(reached, first[-1]))
            end = max((span[1] for span in spans), default=reached)
            reached = end if again else max(reached, end)
            done.append(reached)
        columns = [np.array(values, np.int64) for values in (first, np.minimum(begin, done), done)]
        return ColumnRange(*columns)


def _read(node: Node, operand: int, columns: ColumnRange, strip: int) -> tuple[int, int] | None:
    begin, end = int(columns.begin[strip]), int(columns.end[strip])
    cut = node.op.cut_columns(node, begin, end) if begin < end else None
    return cut.columns[operand] if cut else None


def cut_node(node: Node, begin: int, end: int) -> Node:
    """Output columns [begin, end) of a node as a node of their own, on narrower operands."""
    cut = node.op.cut_columns(node, begin, end)
    assert cut is not None
    narrow = {
        id(tensor): _narrowed(tensor, last - first)
        for tensor, (first, last) in zip(node.operands, cut.columns, strict=True)
        if tensor.in_arena
    }
    inputs = tuple(narrow.get(id(tensor), tensor) for tensor in node.inputs)
    return Node(node.name, cut.op, inputs, (_narrowed(node.output, end - begin),))


def _narrowed(tensor: Tensor, width: int) -> Tensor:
    height, _, channels = tensor.hwc
    return replace(tensor, shape=(1, height, width, channels)) if width != tensor.hwc[1] else tensor
