"""Why a plan does not fit: the step with the most live bytes, and what is alive there, in numbers that add up."""

from __future__ import annotations

from tinyml.errors import FitError
from tinyml.ir import shown
from tinyml.scheduler.plan import Buffer, Plan


def require_arena_fits(plan: Plan, limit_bytes: int, board_name: str) -> Plan:
    """The plan itself; FitError when its arena and states alone exceed `limit_bytes` of SRAM."""
    needed = plan.arena_bytes + plan.state_bytes
    if needed <= limit_bytes:
        return plan
    states = f" and the states {plan.state_bytes}" if plan.state_bytes else ""
    layer = shown(plan.steps[plan.peak_step].node.name) if plan.steps else plan.graph.name
    raise FitError(
        f"the arena takes {plan.arena_bytes} bytes{states} of SRAM, {board_name} has {limit_bytes}: "
        f"{needed - limit_bytes} too many. The peak is at step {plan.peak_step}, {layer}:\n"
        + "\n".join(f"  {line}" for line in explain_peak(plan)),
        hint="a smaller input resolution or width, or a board with more SRAM: tinyml boards",
    )


def explain_peak(plan: Plan) -> list[str]:
    """What lives at the peak, one line each; the sizes add up to the live bytes, and with the gaps to the arena."""
    if not plan.steps:
        return []
    step = plan.peak_step
    lines = []
    for (offset, end), buffers in sorted(_spans_alive(plan, step).items()):
        lines.append(f"{end - offset:>9} bytes at {offset}: {' = '.join(_describe(buffer) for buffer in buffers)}")
    for owner in plan.steps_with_scratch(step):
        assert owner.scratch is not None
        lines.append(f"{owner.scratch.size_bytes:>9} bytes at {owner.scratch.offset}: scratch of {owner.kernel}")
    live = plan.live_bytes(step)
    gaps = plan.arena_bytes - live
    lines.append(f"{live:>9} bytes alive" + (f", {gaps} in gaps: arena {plan.arena_bytes}" if gaps else ": the arena"))
    return lines


def _spans_alive(plan: Plan, step: int) -> dict[tuple[int, int], list[Buffer]]:
    """Disjoint spans of the arena in use at a step, with the buffers that lie in each; views share one."""
    spans: dict[tuple[int, int], list[Buffer]] = {}
    alive = sorted((b for b in plan.buffers.values() if b.first <= step <= b.last), key=lambda b: (b.offset, -b.end))
    for buffer in alive:
        last = next(reversed(spans), None)
        if last and buffer.offset < last[1]:
            merged = spans.pop(last)
            spans[(last[0], max(last[1], buffer.end))] = [*merged, buffer]
        else:
            spans[(buffer.offset, buffer.end)] = [buffer]
    return spans


def _describe(buffer: Buffer) -> str:
    tensor = buffer.tensor
    rows = f", {buffer.rows} of {tensor.hwc[0]} rows" if buffer.rows < tensor.hwc[0] else ""
    return f"{shown(tensor.name)} {'x'.join(map(str, tensor.shape))}{rows}"
