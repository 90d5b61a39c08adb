"""Nodes that run in step, a few rows at a time: which rows each computes at each tick, and how many must be held.

A tick feeds one more row of the group's input to its nodes; each then computes every row that has become possible.
Rows in the bottom padding count as fed by virtual ticks behind the last row, so that no tick has more to do than the
others and no buffer grows for the last rows. Nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

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
        """Ticks until all is computed."""
        return int(np.argmax(self.end == self.end[-1])) + 1


@dataclass
class Lockstep:
    """A fused group under construction: nodes are added in execution order.

    ticks: how many are simulated, more than any group needs.
    ready: rows of each tensor that exist after each tick, as if the image had no lower border.
    ranges: what each node computes at each tick.
    """

    pace: int
    ticks: int
    kernels: Mapping[Node, Kernel]
    ready: dict[Tensor, Rows] = field(default_factory=dict)
    ranges: dict[Node, RowRange] = field(default_factory=dict)

    @classmethod
    def paced_by(cls, tensor: Tensor, kernels: Mapping[Node, Kernel]) -> Lockstep:
        """A group that is fed by one row of `tensor` a tick."""
        height = tensor.hwc[0]
        return cls(height, 4 * height + 128, kernels)

    def feed(self, tensor: Tensor) -> None:
        """The pacing tensor comes from outside row by row, one a tick, instead of lying there whole."""
        self.ready[tensor] = np.arange(1, self.ticks + 1, dtype=np.int64)

    def add(self, node: Node) -> bool:
        """Adds a node; False when it cannot run by rows, or is not done within the ticks."""
        kernel = self.kernels.get(node)
        whole = node.outputs[0].hwc[0] == 1
        if kernel is None or not (kernel.by_rows or kernel.accumulates or whole) or len(node.outputs) != 1:
            return False
        ready = np.full(self.ticks, _UNLIMITED, np.int64)
        for index, operand in enumerate(node.operands):
            if operand.is_constant:
                continue
            found = needs(node, index)
            if found is None:
                return False
            ready = np.minimum(ready, np.searchsorted(found.fed_end, self._available(operand), "right"))
        height = node.output.hwc[0]
        if ready[-1] < height:
            return False
        self.ready[node.output] = ready
        self.ranges[node] = self._range(node, kernel)
        return True

    def add_view(self, node: Node) -> None:
        """A node that moves no data: its outputs are there once its inputs from inside the group are complete."""
        inside = [tensor for tensor in node.inputs if tensor in self.ready]
        if inside:
            complete = np.all([self.ready[tensor] >= tensor.hwc[0] for tensor in inside], axis=0)
            self.ready.update(dict.fromkeys(node.outputs, np.where(complete, _UNLIMITED, 0)))

    def _range(self, node: Node, kernel: Kernel) -> RowRange:
        rows = node.operands[0] if kernel.accumulates else node.output
        end = np.minimum(self._available(rows), rows.hwc[0])
        return RowRange(np.concatenate([[0], end[:-1]]), end)

    def _available(self, tensor: Tensor) -> Rows:
        """Rows fed so far. A tensor from outside the group is there already, and is let in at the group's pace."""
        if tensor in self.ready:
            return self.ready[tensor]
        height = tensor.hwc[0]
        if height == 1 and self.pace > 1:
            return np.full(self.ticks, _UNLIMITED, np.int64)
        return np.arange(1, self.ticks + 1, dtype=np.int64) * height // self.pace

    def present(self, tensor: Tensor) -> Rows:
        """Rows of a tensor that exist after each tick."""
        return np.minimum(self._available(tensor), tensor.hwc[0])

    def first_needed(self, tensor: Tensor, consumers: Sequence[Node]) -> Rows:
        """The first row of a tensor that each tick, or one after it, still reads."""
        height = tensor.hwc[0]
        first = np.full(self.ticks, height, np.int64)
        for node in consumers:
            for index, operand in enumerate(node.operands):
                if operand is tensor:
                    first = np.minimum(first, self._first_read(node, index))
        return first

    def _first_read(self, node: Node, operand: int) -> Rows:
        height = node.operands[operand].hwc[0]
        begin = self.ranges[node].begin
        if self.kernels[node].accumulates:
            return begin
        found = needs(node, operand)
        assert found is not None
        # rows further down may start higher up (resizing): what is still needed is the least over all that follow
        least = np.minimum.accumulate(found.begin[::-1])[::-1]
        return np.append(least, height)[np.minimum(begin, node.output.hwc[0])]

    def rows_held(self, tensor: Tensor, consumers: Sequence[Node]) -> int:
        """Rows that a ring needs so that nothing is overwritten before it is read."""
        return max(1, int((self.present(tensor) - self.first_needed(tensor, consumers)).max()))

    def carries(self, tensor: Tensor, consumers: Sequence[Node]) -> bool:
        """Whether rows of the tensor live on from one tick to the next."""
        needed_later = np.append(self.first_needed(tensor, consumers)[1:], tensor.hwc[0])
        return bool((needed_later < self.present(tensor)).any())

    def overlap(self, low: Tensor, high: Tensor, consumers: Sequence[Node]) -> int:
        """Least distance in bytes from the start of `low`, being written, to `high`, being consumed: never clobbering.

        `consumers`: all nodes that read `high`; it is not read after the group.
        """
        written, needed = self.present(low), self.first_needed(high, consumers)
        writes = np.diff(written, prepend=0) > 0
        return max(0, int((written * low.row_bytes - needed * high.row_bytes)[writes].max()))
