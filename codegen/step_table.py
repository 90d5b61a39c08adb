"""The step table at the top of the generated C: what runs, where it reads and writes, and where the peak is."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.names import comment
from tinyml.ir import Node, Tensor
from tinyml.scheduler import Plan, Step

_COLUMNS = ("step", "op", "output", "MACs", "reads", "writes", "scratch", "live", "layer")


def step_label(node: Node, label: str) -> str:
    """`conv2d features_0_conv 40x40x16`."""
    return f"{node.op.kind} {label} {_sides(node.outputs[0])}"


def step_table(plan: Plan) -> Iterator[str]:
    """Lines of a table, one row a step. Byte ranges are arena offsets; the step with the most live bytes is marked."""
    minimal = "proved minimal for this order" if plan.is_minimal else f"lower bound {plan.lower_bound_bytes}"
    states = f"states {plan.state_bytes} bytes, " if plan.state_bytes else ""
    yield f"{states}arena {plan.arena_bytes} bytes ({minimal}), {plan.macs_executed} MACs, {len(plan.steps)} steps"
    yield ""
    peak = plan.peak_step
    rows = [_row(plan, number, step) for number, step in enumerate(plan.steps)]
    widths = [max(len(row[i]) for row in (_COLUMNS, *rows)) for i in range(len(_COLUMNS))]
    fused = [group for group in plan.groups for _ in group.steps]
    for index, row in enumerate((_COLUMNS, *rows)):
        if index and fused[index - 1].ticks > 1 and (index == 1 or fused[index - 1] is not fused[index - 2]):
            yield f"-- {len(fused[index - 1].steps)} steps row by row, {fused[index - 1].ticks} times:"
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield line.rstrip() + ("  <- peak" if index - 1 == peak else "")


def _row(plan: Plan, number: int, step: Step) -> tuple[str, ...]:
    node = step.node
    return (
        str(number),
        node.op.kind,
        _sides(node.outputs[0]),
        str(node.macs),
        _ranges(plan, node.operands),
        _ranges(plan, node.outputs),
        f"{step.scratch.offset}-{step.scratch.end}" if step.scratch else "",
        str(plan.live_bytes(number)),
        comment(node.name),
    )


def _ranges(plan: Plan, tensors: tuple[Tensor, ...]) -> str:
    shown = [f"{plan.buffers[t].offset}-{plan.buffers[t].end}" for t in tensors if t in plan.buffers]
    return " ".join(shown) if len(shown) <= 3 else " ".join(shown[:3]) + f" +{len(shown) - 3}"


def _sides(tensor: Tensor) -> str:
    sides = tensor.shape[1:] if tensor.shape[:1] == (1,) and len(tensor.shape) > 1 else tensor.shape
    return "x".join(map(str, sides)) or "1"
