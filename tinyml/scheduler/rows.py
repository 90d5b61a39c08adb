"""Nodes that run in step, a few rows at a time: which rows each computes at each tick, and how many must be held.

A tick feeds one more row of the group's input to its nodes; each then computes every row that has become possible.
Rows in the bottom padding count as fed by virtual ticks behind the last row, so that no tick has more to do than the
others and no buffer grows for the last rows. Nothing is computed twice, except by nodes that are told to compute again:
they keep no rows from tick to tick, and compute at each just those that are read in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinyml.ir import Node, Tensor
from tinyml.kernel import Kernel

Rows = NDArray[np.int64]
_UNLIMITED = 2**40


@dataclass(frozen=True, eq=False)
class Needs:
    """Rows of one operand that each output row reads: [begin[r], end[r]).

    fed_end: the same ends as if the image went on below its last row, for `margin` output rows more.
    """

    begin: Rows
    end: Rows
    fed_end: Rows


@lru_cache(maxsize=4096)
def needs(node: Node, operand: int) -> Needs | None:
    """What `node` reads of an operand, or None when its rows cannot be computed one by one."""
    height = node.outputs[0].hwc[0]
    source = node.operands[operand].hwc[0]
    if height == 1:
        begin, end = np.zeros(1, np.int64), np.full(1, source, np.int64)
    else:
        found = [node.op.input_rows(node, operand, row, row + 1) for row in range(height)]
        pairs = [rows for rows in found if rows is not None]
        if len(pairs) < height:
            return None
        begin, end = np.array(pairs, np.int64).T
    return Needs(begin, end, _fed_end(end, source, height))


def _fed_end(end: Rows, source: int, height: int) -> Rows:
    """Ends that keep growing at the op's own pace where the image's lower border cut them off."""
    pace = source // height if height > 1 else source
    steps = np.arange(height, dtype=np.int64) * pace
    paced = np.maximum.accumulate(end - steps) + steps if pace else np.maximum.accumulate(end)
    margin = np.arange(1, height + 65, dtype=np.int64) * max(pace, 1)
    return np.concatenate([paced, paced[-1] + margin])


@dataclass(frozen=True, eq=False)
class RowRange:
    """Rows [begin[t], end[t]) at each tick t: output rows, or operand rows for a kernel that accumulates."""

    begin: Rows
    end: Rows

    @property
    def ticks(self) -> int:
        """Ticks until all is computed; 0 of what nobody reads."""
        return int(np.max(np.flatnonzero(self.active), initial=-1)) + 1

    @property
    def active(self) -> NDArray[np.bool_]:
        return self.end > self.begin

    @property
    def total(self) -> int:
        """Rows computed over all ticks; a row computed twice counts twice."""
        return int((self.end - self.begin).sum())


Again = frozenset[Node]  # nodes whose output is computed again by each tick that reads it, instead of being kept
NOTHING_AGAIN: Again = frozenset()
Pattern: TypeAlias = "tuple[Node, tuple[Pattern | None, ...]]"


@dataclass
class Lockstep:
    """A fused group under construction: nodes are added in execution order.

    pace: rows of the tensor that sets the pace; a tick lets one of them in.
    ticks: how many are simulated, more than any group needs.
    ready: rows of each tensor that could exist after each tick, as if the image had no lower border.
    once: what each node computes at each tick if it computes every row once, as soon as that is possible.
    """

    pace: int
    ticks: int
    kernels: Mapping[Node, Kernel]
    readers: Mapping[Tensor, Sequence[Node]]
    ready: dict[Tensor, Rows] = field(default_factory=dict)
    once: dict[Node, RowRange] = field(default_factory=dict)
    _ranges: dict[Pattern, RowRange] = field(default_factory=dict)
    _reads: dict[tuple[Node, int, Pattern | None], RowRange] = field(default_factory=dict)
    _held: dict[tuple[Tensor, bool, tuple[Pattern | None, ...]], Held] = field(default_factory=dict)

    @classmethod
    def paced_by(
        cls, tensor: Tensor, kernels: Mapping[Node, Kernel], readers: Mapping[Tensor, Sequence[Node]]
    ) -> Lockstep:
        """A group that is fed by one row of `tensor` a tick."""
        height = tensor.hwc[0]
        return cls(height, 4 * height + 128, kernels, readers)

    def feed(self, tensor: Tensor) -> None:
        """The pacing tensor comes from outside row by row instead of lying there whole."""
        self.ready[tensor] = self._fed()

    def _fed(self) -> Rows:
        return np.arange(1, self.ticks + 1, dtype=np.int64)

    def add(self, node: Node) -> bool:
        """Adds a node, if that is still to do; False when it cannot run by rows, or is not done within the ticks.

        Nor can one that writes a state: what the state held may still be read in a later tick.
        """
        if node in self.once:
            return True
        if len(node.outputs) != 1 or node.output.is_state:
            return False
        kernel = self.kernels.get(node)
        whole = node.outputs[0].hwc[0] == 1
        if kernel is None or not (kernel.by_rows or kernel.accumulates or whole):
            return False
        ready = np.full(self.ticks, _UNLIMITED, np.int64)
        for index, operand in enumerate(node.operands):
            if not operand.in_arena:
                continue
            found = needs(node, index)
            if found is None:
                return False
            ready = np.minimum(ready, np.searchsorted(found.fed_end, self._available(operand), "right"))
        height = node.output.hwc[0]
        if ready[-1] < height:
            return False
        self.ready[node.output] = ready
        rows = node.operands[0] if kernel.accumulates else node.output
        end = self.present(rows)
        self.once[node] = RowRange(np.concatenate([[0], end[:-1]]), end)
        return True

    def add_view(self, node: Node) -> None:
        """A node that moves no data: its outputs are there once its inputs from inside the group are complete."""
        inside = [tensor for tensor in node.inputs if tensor in self.ready]
        if inside and node.outputs[0] not in self.ready:
            complete = np.all([self.ready[tensor] >= tensor.hwc[0] for tensor in inside], axis=0)
            self.ready.update(dict.fromkeys(node.outputs, np.where(complete, _UNLIMITED, 0)))

    def _available(self, tensor: Tensor) -> Rows:
        """Rows fed so far. A tensor from outside the group is there already, and is let in at the group's pace."""
        if tensor in self.ready:
            return self.ready[tensor]
        height = tensor.hwc[0]
        if height == 1 and self.pace > 1:
            return np.full(self.ticks, _UNLIMITED, np.int64)
        return self._fed() * height // self.pace

    def present(self, tensor: Tensor) -> Rows:
        """Rows of a tensor that exist after each tick, if each is kept from when it is first possible."""
        return np.minimum(self._available(tensor), tensor.hwc[0])

    def pattern(self, node: Node, again: Again) -> Pattern | None:
        """All that decides which rows a node computes: which nodes behind it compute again. None: every row once."""
        if node not in again:
            return None
        return node, tuple(self.pattern(reader, again) for reader in self.readers[node.output])

    def computed(self, node: Node, again: Again = NOTHING_AGAIN) -> RowRange:
        """What a node computes at each tick. All readers of a node in `again` must have been added."""
        pattern = self.pattern(node, again)
        if pattern is None:
            return self.once[node]
        if pattern not in self._ranges:
            reads = [r for reader in self.readers[node.output] for r in self._reads_of(reader, node.output, again)]
            self._ranges[pattern] = _union(reads, node.output.hwc[0])
        return self._ranges[pattern]

    def _reads_of(self, node: Node, tensor: Tensor, again: Again) -> Iterator[RowRange]:
        """Rows of a tensor that a node reads at each tick, once per operand."""
        for index, operand in enumerate(node.operands):
            if operand is tensor:
                key = node, index, self.pattern(node, again)
                if key not in self._reads:
                    self._reads[key] = self._read(node, index, self.computed(node, again))
                yield self._reads[key]

    def _read(self, node: Node, operand: int, rows: RowRange) -> RowRange:
        active = rows.active
        if self.kernels[node].accumulates:
            return RowRange(np.where(active, rows.begin, 0), np.where(active, rows.end, 0))
        found = needs(node, operand)
        assert found is not None
        # rows further down may start higher up (resizing): the least over all that follow is read at the earliest
        least = np.minimum.accumulate(found.begin[::-1])[::-1]
        most = np.maximum.accumulate(found.end)
        last = len(least) - 1
        begin = least[np.minimum(rows.begin, last)]
        end = most[np.clip(rows.end - 1, 0, last)]
        return RowRange(np.where(active, begin, 0), np.where(active, end, 0))

    def first_needed(self, tensor: Tensor, consumers: Sequence[Node], again: Again = NOTHING_AGAIN) -> Rows:
        """The first row of a tensor that each tick, or one after it, still reads."""
        first = np.full(self.ticks, tensor.hwc[0], np.int64)
        for node in consumers:
            for rows in self._reads_of(node, tensor, again):
                first = np.minimum(first, np.where(rows.active, rows.begin, tensor.hwc[0]))
        return np.minimum.accumulate(first[::-1])[::-1]

    def held(self, tensor: Tensor, again: Again = NOTHING_AGAIN, producer: Node | None = None) -> Held:
        """What a tensor that all its readers read inside the group takes. producer: the node that computes it."""
        readers = self.readers.get(tensor, ())
        key = tensor, producer in again, tuple(self.pattern(node, again) for node in readers)
        if key not in self._held:
            if producer is not None and producer in again:
                rows = self.computed(producer, again)
                self._held[key] = Held(max(1, int((rows.end - rows.begin).max())), carries=False)
            else:
                first, present = self.first_needed(tensor, readers, again), self.present(tensor)
                later = np.append(first[1:], tensor.hwc[0])
                self._held[key] = Held(max(1, int((present - first).max())), bool((later < present).any()))
        return self._held[key]

    def overlap(self, low: Tensor, high: Tensor, consumers: Sequence[Node], again: Again = NOTHING_AGAIN) -> int:
        """Least distance in bytes from the start of `low`, being written, to `high`, being consumed: never clobbering.

        `consumers`: all nodes that read `high`; it is not read after the group.
        """
        written, needed = self.present(low), self.first_needed(high, consumers, again)
        writes = np.diff(written, prepend=0) > 0
        return max(0, int((written * low.row_bytes - needed * high.row_bytes)[writes].max()))


class Held(NamedTuple):
    """rows: that a buffer needs so that none is overwritten before it is read, as a ring if less than all.

    carries: whether some live on from one tick to the next.
    """

    rows: int
    carries: bool


def _union(reads: Sequence[RowRange], height: int) -> RowRange:
    """The least ranges that hold all reads; where a tick reads nothing, an empty one at what is read next."""
    begin = np.min([np.where(rows.active, rows.begin, height) for rows in reads], axis=0)
    end = np.max([rows.end for rows in reads], axis=0)
    idle = end == 0
    begin = np.where(idle, np.minimum.accumulate(begin[::-1])[::-1], begin)
    return RowRange(begin, np.where(idle, begin, end))
