"""Memory safety of a plan, checked without the planner: every arena byte knows which value it holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from tinyml.ir import Array, Node, Tensor
from tinyml.scheduler import Group, Plan, Step

Columns = tuple[int, int] | None  # of a row, all when None


class Shadow:
    """An arena of value numbers. Every byte that a node computes gets a number of its own; views share numbers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.arena = np.full(plan.arena_bytes, -1, np.int64)
        self.expected: dict[Tensor, Array] = {}
        self.first: dict[Tensor, int] = {}  # column held first, of tensors in strips
        self._next = itertools.count(step=2**32)

    def write(self, tensor: Tensor, begin: int, end: int, columns: Columns = None) -> None:
        """Rows [begin, end) get fresh values, or some columns of them."""
        if tensor not in self.expected:
            self.expected[tensor] = np.full((tensor.hwc[0], tensor.row_bytes), -1, np.int64)
        for row in range(begin, end):
            cells = self._expected(tensor, row, columns)
            cells[:] = next(self._next) + np.arange(len(cells))
            self._held(tensor, row, columns)[:] = cells

    def read(self, tensor: Tensor, begin: int, end: int, columns: Columns = None) -> None:
        for row in range(begin, end):
            same = self._held(tensor, row, columns) == self._expected(tensor, row, columns)
            assert same.all(), f"row {row} of {tensor.name} was overwritten, or never written, before it is read"

    def next_strip(self, tensor: Tensor, strip: int) -> None:
        """Of a tensor that is held in strips, the columns that are needed again move to the front."""
        buffer = self.plan.buffers[tensor]
        assert buffer.columns is not None
        depth, first = tensor.pixel_bytes, int(buffer.columns.first[strip])
        if strip:
            moved = (first - self.first[tensor]) * depth
            kept = (int(buffer.columns.begin[strip]) - first) * depth
            for slot in range(buffer.rows if kept > 0 else 0):
                row = self.arena[buffer.offset + slot * buffer.stride :][: buffer.stride]
                row[:kept] = row[moved : moved + kept].copy()
        self.first[tensor] = first

    def view(self, node: Node) -> None:
        """A node that does not run: its outputs must already lie where its views say."""
        for output in node.outputs:
            self.expected[output] = np.full((output.hwc[0], output.row_bytes), -1, np.int64)
        for tensor, host, offset in node.op.views(node):
            place = self.plan.buffers[tensor].offset - self.plan.buffers[host].offset
            assert place == offset, f"{tensor.name} is not {offset} bytes into {host.name}"
            for held in (tensor, host):
                assert self.plan.buffers[held].rows == held.hwc[0], f"{held.name} is a ring and has a view"
            part = slice(offset, offset + tensor.size_bytes)
            if tensor in node.outputs:
                self.expected[tensor].ravel()[:] = self.expected[host].ravel()[part]
            else:
                self.expected[host].ravel()[part] = self.expected[tensor].ravel()

    def use_scratch(self, step: Step) -> None:
        if step.scratch:
            self.arena[step.scratch.offset : step.scratch.end] = -2

    def _expected(self, tensor: Tensor, row: int, columns: Columns) -> Array:
        first, end = columns or (0, tensor.hwc[1])
        return self.expected[tensor][row, first * tensor.pixel_bytes : end * tensor.pixel_bytes]

    def _held(self, tensor: Tensor, row: int, columns: Columns) -> Array:
        buffer, depth = self.plan.buffers[tensor], tensor.pixel_bytes
        assert buffer.offset >= 0 and buffer.end <= self.plan.arena_bytes, f"{tensor.name} lies outside the arena"
        first, end = columns or (0, tensor.hwc[1])
        start = first - self.first.get(tensor, 0)
        assert start >= 0 and (start + end - first) * depth <= buffer.stride, f"{tensor.name}: columns beyond its strip"
        place = buffer.offset + row % buffer.rows * buffer.stride + start * depth
        return self.arena[place : place + (end - first) * depth]


def rows_read(step: Step, begin: int, end: int) -> Iterator[tuple[int, Tensor, int, int]]:
    """(number, operand, first row, end) that a call reads."""
    for index, tensor in enumerate(step.node.operands):
        if not tensor.in_arena:
            continue
        if step.kernel.accumulates:
            yield index, tensor, begin, end
            continue
        rows = step.node.op.input_rows(step.node, index, begin, end) if step.node.outputs[0].hwc[0] > 1 else None
        yield index, tensor, *(rows or (0, tensor.hwc[0]))


def in_strips(group: Group) -> Iterator[tuple[Step, int | None]]:
    """The calls of a tick in order: (step, strip)."""
    number = 0
    while number < len(group.steps):
        last = next((last for first, last in group.runs if first == number), None)
        if last is None:
            yield group.steps[number], None
            number += 1
            continue
        columns = group.steps[last].columns
        assert columns is not None
        for strip in range(len(columns.end)):
            yield from ((step, strip) for step in group.steps[number : last + 1])
        number = last + 1


def check_memory(plan: Plan) -> None:
    """Replays the plan; asserts that no row is read before it is written, or after one of its bytes was taken."""
    shadow = Shadow(plan)
    resident = [tensor for tensor in plan.graph.inputs if tensor is not plan.fed]
    for tensor in resident:
        shadow.write(tensor, 0, tensor.hwc[0])
    for tensor in resident:
        shadow.read(tensor, 0, tensor.hwc[0])
    running = {step.node for step in plan.steps}
    pending = [node for node in plan.graph.nodes if node not in running]
    for group in plan.groups:
        sums: dict[Step, Array] = {}
        for tick in range(group.ticks):
            if group is plan.groups[0] and plan.fed is not None and tick < plan.fed.hwc[0]:
                shadow.write(plan.fed, tick, tick + 1)
            for step, strip in in_strips(group):
                _show_views(shadow, pending)
                begin, end = int(step.rows.begin[tick]), int(step.rows.end[tick])
                if strip is not None and plan.buffers[step.node.output].columns is not None:
                    shadow.next_strip(step.node.output, strip)
                if begin < end and strip is not None:
                    _call_strip(shadow, step, begin, end, strip)
                elif begin < end:
                    _call(shadow, step, begin, end, sums)
    _show_views(shadow, pending)
    assert not pending
    for tensor in (*plan.graph.outputs, *(plan.graph.inputs if plan.keeps_input else ())):
        if tensor in plan.buffers:
            shadow.read(tensor, 0, tensor.hwc[0])


def _show_views(shadow: Shadow, pending: list[Node]) -> None:
    """Views whose inputs are complete."""
    for node in list(pending):
        done = [t in shadow.expected and (shadow.expected[t] >= 0).all() for t in node.inputs if t.in_arena]
        if all(done):
            shadow.view(node)
            pending.remove(node)


def _call_strip(shadow: Shadow, step: Step, begin: int, end: int, strip: int) -> None:
    assert step.columns is not None
    columns = int(step.columns.begin[strip]), int(step.columns.end[strip])
    if columns[0] == columns[1]:
        return
    cut = step.node.op.cut_columns(step.node, *columns)
    assert cut is not None
    reads = [(tensor, first, last, cut.columns[i]) for i, tensor, first, last in rows_read(step, begin, end)]
    shadow.use_scratch(step)
    for tensor, first, last, read in reads:
        shadow.read(tensor, first, last, read)
    shadow.write(step.node.output, begin, end, columns)


def _call(shadow: Shadow, step: Step, begin: int, end: int, sums: dict[Step, Array]) -> None:
    reads = [(tensor, first, last) for _, tensor, first, last in rows_read(step, begin, end)]
    for read in reads:
        shadow.read(*read)
    if step.kernel.accumulates:
        _accumulate(shadow, step, begin, end, sums)
        return
    shadow.use_scratch(step)
    for read in reads:
        if not step.kernel.in_place(step.node):
            shadow.read(*read)
    several = len(step.node.outputs) > 1
    for tensor in (output for output in step.node.outputs if output.in_arena):
        shadow.write(tensor, *((0, tensor.hwc[0]) if several else (begin, end)))


def _accumulate(shadow: Shadow, step: Step, begin: int, end: int, sums: dict[Step, Array]) -> None:
    """The sums in the scratch must survive from call to call; the output comes with the last row."""
    assert step.scratch is not None
    held = shadow.arena[step.scratch.offset : step.scratch.end]
    if begin:
        assert (held == sums[step]).all(), f"the sums of {step.node.name} were overwritten"
    sums[step] = next(shadow._next) + np.arange(step.scratch.size_bytes)
    held[:] = sums[step]
    if end == step.node.operands[0].hwc[0]:
        shadow.write(step.node.output, 0, 1)
