"""A plan's memory step by step, as a table and as facts: what is alive, in which group, how often it is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tinyml.ir import shown
from tinyml.scheduler import Buffer, Group, Plan, Step

_BAR = 40  # characters for the whole arena
_EIGHTHS = " ▏▎▍▌▋▊▉"


class Placed(NamedTuple):
    """A group and its steps first..last, by number."""

    group: Group
    first: int
    last: int
    fed: bool


def groups_of(plan: Plan) -> list[Placed]:
    found, first = [], 0
    for group in plan.groups:
        found.append(Placed(group, first, first + len(group.steps) - 1, not first and plan.fed is not None))
        first += len(group.steps)
    return found


def timeline_text(plan: Plan) -> str:
    """A table, a row a step: number, layer, bytes alive, a bar of them. A line introduces each fused group."""
    states = f"states {plan.state_bytes} bytes, " if plan.state_bytes else ""
    lines = [f"{shown(plan.graph.name)}: {states}arena {plan.arena_bytes} bytes, {len(plan.steps)} steps"]
    names = [shown(step.node.name) for step in plan.steps]
    width = max(map(len, ("layer", *names)))
    digits = max(5, len(str(plan.arena_bytes)))
    lines.append(f"step  group  {'layer':<{width}}  {'alive':>{digits}}")
    for number, placed in enumerate(groups_of(plan)):
        if len(placed.group.steps) > 1:
            lines.append(f"-- group {number}: {group_text(placed)}")
        for step in range(placed.first, placed.last + 1):
            live = plan.live_bytes(step)
            bar = f"{_bar(live, plan.arena_bytes):<{_BAR}}"
            row = f"{step:>4}  {number:>5}  {names[step]:<{width}}  {live:>{digits}}  {bar}"
            marks = [*_again(plan.steps[step]), *(["<- peak"] if step == plan.peak_step else [])]
            lines.append(f"{row}  {', '.join(marks)}".rstrip())
    return "\n".join(lines) + "\n"


def timeline_facts(plan: Plan) -> dict[str, Any]:
    """JSON with the same: `groups` in order, `steps` with every buffer that is alive."""
    groups = groups_of(plan)
    return {
        "version": 1,
        "model": plan.graph.name,
        "board": plan.board.name if plan.board else None,
        "arena_bytes": plan.arena_bytes,
        "state_bytes": plan.state_bytes,
        "peak_step": plan.peak_step,
        "feed": "rows" if plan.fed is not None else "resident",
        "groups": [_group_facts(placed) for placed in groups],
        "steps": [
            _step_facts(plan, group, step)
            for group, placed in enumerate(groups)
            for step in range(placed.first, placed.last + 1)
        ],
    }


def _group_facts(placed: Placed) -> dict[str, Any]:
    group = placed.group
    runs = [
        {"first": placed.first + first, "last": placed.first + last, "strips": _strips(group.steps[first])}
        for first, last in group.runs
    ]
    return {"first": placed.first, "last": placed.last, "ticks": group.ticks, "fed": placed.fed, "runs": runs}


def _step_facts(plan: Plan, group: int, number: int) -> dict[str, Any]:
    step, scratch = plan.steps[number], []
    for owner in plan.steps_with_scratch(number):
        assert owner.scratch is not None
        scratch.append({"kernel": owner.kernel.name, "offset": owner.scratch.offset, "bytes": owner.scratch.size_bytes})
    return {
        "step": number,
        "layer": step.node.name,
        "kernel": step.kernel.name,
        "group": group,
        "kernel_calls": step.kernel_calls,
        "recompute": round(step.recompute, 4),
        "column_recompute": round(step.column_recompute, 4),
        "strips": _strips(step),
        "live_bytes": plan.live_bytes(number),
        "buffers": [_buffer_facts(b) for b in plan.buffers.values() if b.first <= number <= b.last],
        "scratch": scratch,
    }


def _buffer_facts(buffer: Buffer) -> dict[str, Any]:
    return {
        "tensor": buffer.tensor.name,
        "offset": buffer.offset,
        "bytes": buffer.size_bytes,
        "first": buffer.first,
        "last": buffer.last,
        "rows": buffer.rows,
        "columns": _columns(buffer),
    }


def _columns(buffer: Buffer) -> int:
    return buffer.columns.held if buffer.columns else buffer.tensor.hwc[1]


def _strips(step: Step) -> int:
    """How many strips of columns a step takes in a tick."""
    return len(step.columns.end) if step.columns else 1


def group_text(placed: Placed) -> str:
    """How a group runs, in words."""
    group, first = placed.group, placed.first
    if group.ticks == 1:
        return "one layer at once" if len(group.steps) == 1 else "once"
    text = f"{len(group.steps)} layers by rows, {group.ticks} ticks" + (", input fed" if placed.fed else "")
    runs = [f"steps {first + a} to {first + b} in {_strips(group.steps[a])} strips" for a, b in group.runs]
    return ", ".join([text, *runs])


def _again(step: Step) -> list[str]:
    """Rows, and columns that strips share, computed again."""
    found = (("rows", step.recompute), ("columns", step.column_recompute))
    return [f"{what} computed {times:.2f} times" for what, times in found if times > 1]


def step_text(plan: Plan, number: int) -> str:
    return f"{number}, {shown(plan.steps[number].node.name)}"


def buffer_text(buffer: Buffer) -> str:
    height, width, _ = buffer.tensor.hwc
    held = [f"{buffer.rows} of {height} rows"] if buffer.rows < height else []
    held += [f"{_columns(buffer)} of {width} columns"] if _columns(buffer) < width else []
    sides = "x".join(map(str, buffer.tensor.shape))
    name = shown(buffer.tensor.name)
    parts = [f"{name} {sides}", *held, f"{buffer.size_bytes:,} bytes at {buffer.offset:,}"]
    return ", ".join([*parts, f"steps {buffer.first} to {buffer.last}"])


def scratch_life(plan: Plan, number: int) -> tuple[int, int]:
    """The steps first..last during which a step's scratch is in use."""
    owner = plan.steps[number]
    using = [step for step in _neighbours(plan, number) if owner in plan.steps_with_scratch(step)]
    return using[0], using[-1]


def _neighbours(plan: Plan, number: int) -> Iterator[int]:
    """The steps of a step's group."""
    placed = next(group for group in groups_of(plan) if group.first <= number <= group.last)
    yield from range(placed.first, placed.last + 1)


def _bar(part: int, whole: int) -> str:
    eighths = round(8 * _BAR * part / max(whole, 1))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
