"""Memory safety of a plan, checked without the planner: every arena byte knows which value it holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from tinyml.ir import Array, Node, Tensor
from tinyml.scheduler import Plan, Step


class Shadow:
    """An arena of value numbers. Every byte that a node computes gets a number of its own; views share numbers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.arena = np.full(plan.arena_bytes, -1, np.int64)
        self.expected: dict[Tensor, Array] = {}
        self._next = itertools.count(step=2**32)

    def write(self, tensor: Tensor, begin: int, end: int) -> None:
        """Rows [begin, end) get fresh values."""
        if tensor not in self.expected:
            self.expected[tensor] = np.full((tensor.hwc[0], tensor.row_bytes), -1, np.int64)
        for row in range(begin, end):
            self.expected[tensor][row] = next(self._next) + np.arange(tensor.row_bytes)
            self._row(tensor, row)[:] = self.expected[tensor][row]

    def read(self, tensor: Tensor, begin: int, end: int) -> None:
        for row in range(begin, end):
            same = self._row(tensor, row) == self.expected[tensor][row]
            assert same.all(), f"row {row} of {tensor.name} was overwritten, or never written, before it is read"

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

    def _row(self, tensor: Tensor, row: int) -> Array:
        buffer = self.plan.buffers[tensor]
        assert buffer.offset >= 0 and buffer.end <= self.plan.arena_bytes, f"{tensor.name} lies outside the arena"
        first = buffer.offset + row % buffer.rows * tensor.row_bytes
        return self.arena[first : first + tensor.row_bytes]


def rows_read(step: Step, begin: int, end: int) -> Iterator[tuple[Tensor, int, int]]:
    """(operand, first row, end) that a call reads."""
    for index, tensor in enumerate(step.node.operands):
        if tensor.is_constant:
            continue
        if step.kernel.accumulates:
            yield tensor, begin, end
            continue
        rows = step.node.op.input_rows(step.node, index, begin, end) if step.node.outputs[0].hwc[0] > 1 else None
        yield tensor, *(rows or (0, tensor.hwc[0]))


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
            for step in group.steps:
                _show_views(shadow, pending)
                begin, end = int(step.rows.begin[tick]), int(step.rows.end[tick])
                if begin < end:
                    _call(shadow, step, begin, end, sums)
    _show_views(shadow, pending)
    assert not pending
    for tensor in (*plan.graph.outputs, *(plan.graph.inputs if plan.keeps_input else ())):
        if tensor in plan.buffers:
            shadow.read(tensor, 0, tensor.hwc[0])


def _show_views(shadow: Shadow, pending: list[Node]) -> None:
    """Views whose inputs are complete."""
    for node in list(pending):
        done = [t in shadow.expected and (shadow.expected[t] >= 0).all() for t in node.inputs if not t.is_constant]
        if all(done):
            shadow.view(node)
            pending.remove(node)


def _call(shadow: Shadow, step: Step, begin: int, end: int, sums: dict[Step, Array]) -> None:
    for tensor, first, last in rows_read(step, begin, end):
        shadow.read(tensor, first, last)
    if step.kernel.accumulates:
        _accumulate(shadow, step, begin, end, sums)
        return
    shadow.use_scratch(step)
    for tensor, first, last in rows_read(step, begin, end):
        if not step.kernel.in_place(step.node):
            shadow.read(tensor, first, last)
    several = len(step.node.outputs) > 1
    for tensor in step.node.outputs:
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
