"""Memory safety of a plan, checked without the planner's own arithmetic: every byte knows which tensor wrote it last."""

from __future__ import annotations

import numpy as np

from tinyml.ir import Tensor
from tinyml.scheduler import Plan


def check_memory(plan: Plan) -> None:
    """Replays the plan on a shadow arena. Asserts that no node reads a byte that another tensor has overwritten.

    A view counts as written where its host lies, a host where its guests lie.
    """
    arena = np.full(plan.arena_bytes, -1, np.int64)
    numbers = {tensor: number for number, tensor in enumerate(plan.buffers)}

    def span(tensor: Tensor) -> slice:
        buffer = plan.buffers[tensor]
        assert 0 <= buffer.offset and buffer.end <= plan.arena_bytes, f"{tensor.name} lies outside the arena"
        return slice(buffer.offset, buffer.end)

    def read(tensor: Tensor) -> None:
        if not tensor.is_constant:
            assert (arena[span(tensor)] == numbers[tensor]).all(), f"{tensor.name} was overwritten before it is read"

    for tensor in plan.graph.inputs:
        arena[span(tensor)] = numbers[tensor]
    for tensor in plan.graph.inputs:
        read(tensor)
    groups = {group.node: group for group in plan.groups}
    for node in plan.graph.nodes:
        for tensor in node.inputs:
            if tensor in plan.buffers:
                read(tensor)
        group = groups.get(node)
        if group is None:
            for view in node.op.views(node):
                host, guest = plan.buffers[view.host], plan.buffers[view.tensor]
                assert guest.offset == host.offset + view.offset_bytes, f"{view.tensor.name} is not where it should be"
        elif group.scratch:
            begin = group.scratch.offset
            inputs_and_outputs = [t for t in (*node.operands, *node.outputs) if t in plan.buffers]
            for tensor in inputs_and_outputs:
                buffer = plan.buffers[tensor]
                assert begin >= buffer.end or begin + group.scratch.size_bytes <= buffer.offset, "scratch overlaps"
            arena[begin : begin + group.scratch.size_bytes] = -2
        for tensor in node.outputs:
            arena[span(tensor)] = numbers[tensor]
    for tensor in plan.graph.outputs:
        read(tensor)
    if plan.keeps_input:
        for tensor in plan.graph.inputs:
            read(tensor)
