"""Memory safety of a plan, checked without the planner: every arena byte knows which value it holds."""

from __future__ import annotations

import itertools

import numpy as np

from tinyml.ir import Array, Node, Tensor
from tinyml.scheduler import Plan


class Shadow:
    """An arena of value numbers. Every byte that a node computes gets a number of its own; views share numbers."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.arena = np.full(plan.arena_bytes, -1, np.int64)
        self.expected: dict[Tensor, Array] = {}
        self._next = itertools.count(step=2**32)

    def write(self, tensor: Tensor) -> None:
        self.expected[tensor] = next(self._next) + np.arange(tensor.size_bytes)
        self._span(tensor)[:] = self.expected[tensor]

    def read(self, tensor: Tensor) -> None:
        assert (self._span(tensor) == self.expected[tensor]).all(), f"{tensor.name} was overwritten before it is read"

    def view(self, node: Node) -> None:
        """A node that does not run: its outputs must already lie where its views say."""
        views = node.op.views(node)
        for output in node.outputs:
            self.expected[output] = np.full(output.size_bytes, -1, np.int64)
        for tensor, host, offset in views:
            place = self.plan.buffers[tensor].offset - self.plan.buffers[host].offset
            assert place == offset, f"{tensor.name} is not {offset} bytes into {host.name}"
            part = slice(offset, offset + tensor.size_bytes)
            if tensor in node.outputs:
                self.expected[tensor] = self.expected[host][part]
            else:
                self.expected[host][part] = self.expected[tensor]

    def use_scratch(self, begin: int, size: int) -> None:
        self.arena[begin : begin + size] = -2

    def _span(self, tensor: Tensor) -> Array:
        buffer = self.plan.buffers[tensor]
        assert buffer.offset >= 0 and buffer.end <= self.plan.arena_bytes, f"{tensor.name} lies outside the arena"
        return self.arena[buffer.offset : buffer.end]


def check_memory(plan: Plan) -> None:
    """Replays the plan; asserts that no tensor is read after another value took one of its bytes."""
    shadow = Shadow(plan)
    activations = plan.buffers.keys()
    for tensor in plan.graph.inputs:
        shadow.write(tensor)
    for tensor in plan.graph.inputs:
        shadow.read(tensor)
    groups = {group.node: group for group in plan.groups}
    for node in plan.graph.nodes:
        group = groups.get(node)
        if group is None:
            shadow.view(node)
            continue
        if group.scratch:
            shadow.use_scratch(group.scratch.offset, group.scratch.size_bytes)
        for tensor in node.operands:
            if tensor in activations:
                shadow.read(tensor)
        for tensor in node.outputs:
            shadow.write(tensor)
        if group.scratch:
            shadow.use_scratch(group.scratch.offset, group.scratch.size_bytes)
        for tensor in node.outputs:
            shadow.read(tensor)
    for tensor in (*plan.graph.outputs, *(plan.graph.inputs if plan.keeps_input else ())):
        if tensor in activations:
            shadow.read(tensor)
