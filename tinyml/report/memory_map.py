"""A plan's memory as a map: steps from left to right, arena offsets upwards, a box per buffer and scratch."""

from __future__ import annotations

from collections.abc import Iterator

from tinyml.report.drawing import (
    FAINT,
    INK,
    PALETTE,
    Axis,
    Box,
    Drawing,
    Frame,
    Line,
    Shape,
    Text,
    bytes_axis,
    cut_to,
    ticks,
)
from tinyml.report.timeline import buffer_text, group_text, groups_of, scratch_life, step_text
from tinyml.scheduler import Buffer, Plan

_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 92, 24, 60
_HEIGHT = 560
_STEP_WIDTH, _LEAST_WIDTH, _MOST_WIDTH = 26, 640, 1600
_SCRATCH, _PEAK = "#9a9a9a", "#c00000"


def memory_map(plan: Plan) -> Drawing:
    """Groups are divided by dashed lines; the step with the most bytes alive is marked."""
    count = max(1, len(plan.steps))
    width = min(max(_STEP_WIDTH * count, _LEAST_WIDTH), _MOST_WIDTH)
    frame = Frame(_LEFT, _TOP, width, _HEIGHT, _steps_axis(count), bytes_axis("arena offset", max(plan.arena_bytes, 1)))
    title = f"Memory of {plan.graph.name}"
    peak = f"arena {plan.arena_bytes:,} bytes"
    if plan.steps:
        peak += f"; peak {plan.live_bytes(plan.peak_step):,} bytes alive at step {step_text(plan, plan.peak_step)}"
    shapes = [
        Text(_LEFT, 24, title, size=15, bold=True),
        Text(_LEFT, 46, cut_to(peak, width), fill=_PEAK),
        *frame.shapes(),
        *_buffers(frame, plan),
        *_scratches(frame, plan),
        *_borders(frame, plan),
        *_peak(frame, plan),
    ]
    return Drawing(title, _LEFT + width + _RIGHT, _TOP + _HEIGHT + _BOTTOM, tuple(shapes))


def _steps_axis(count: int) -> Axis:
    step = max(1, round(ticks(0, count, 24)[1])) if count > 1 else 1
    return Axis("step", 0, count, [(number + 0.5, str(number)) for number in range(0, count, step)])


def _area(frame: Frame, first: int, last: int, begin: int, end: int) -> tuple[float, float, float, float]:
    """x, y, width, height of steps first..last at bytes [begin, end); lives beyond the graph are cut to it."""
    left, top = frame.at(max(first, 0), end)
    right, bottom = frame.at(min(last + 1, frame.x.high), begin)
    return left, top, right - left, bottom - top


def _peak(frame: Frame, plan: Plan) -> Iterator[Shape]:
    """A frame around the step with the most bytes alive."""
    if plan.steps:
        x, y, width, height = _area(frame, plan.peak_step, plan.peak_step, 0, plan.arena_bytes)
        corners = (x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)
        yield Line(corners, _PEAK, 2)


def _buffers(frame: Frame, plan: Plan) -> Iterator[Shape]:
    # views lie in larger buffers: those first
    alive = sorted((b for b in plan.buffers.values() if b.last >= 0), key=lambda b: -b.size_bytes)
    colours = {tensor: PALETTE[number % len(PALETTE)] for number, tensor in enumerate(plan.buffers)}
    for buffer in alive:
        later = (b.first for b in alive if b.first > buffer.first and b.offset < buffer.end and buffer.offset < b.end)
        yield from _labelled(frame, buffer, colours[buffer.tensor], min(later, default=buffer.last + 1))


def _labelled(frame: Frame, buffer: Buffer, colour: str, covered: int) -> Iterator[Shape]:
    """covered: the step from which on another buffer may hide its name."""
    x, y, width, height = _area(frame, buffer.first, buffer.last, buffer.offset, buffer.end)
    if width <= 0:
        return
    yield Box(x, y, width, height, colour, 0.6, INK, buffer_text(buffer))
    name = cut_to(buffer.tensor.name, min(width, frame.at(covered, 0)[0] - x) - 8, 11)
    if name and height >= 14:
        yield Text(x + 4, y + min(height / 2 + 4, 14), name, size=11)


def _scratches(frame: Frame, plan: Plan) -> Iterator[Shape]:
    for number, step in enumerate(plan.steps):
        if step.scratch is not None:
            first, last = scratch_life(plan, number)
            area = _area(frame, first, last, step.scratch.offset, step.scratch.end)
            title = f"scratch of {step.kernel}, step {number}: {step.scratch.size_bytes:,} bytes"
            yield Box(*area, _SCRATCH, 0.8, INK, title)


def _borders(frame: Frame, plan: Plan) -> Iterator[Shape]:
    """Where fused groups begin and end, and how they run in as many words as there is room for."""
    for placed in groups_of(plan):
        (left, _), (right, _) = frame.at(placed.first, 0), frame.at(placed.last + 1, 0)
        if placed.group.ticks == 1:
            continue
        for x in (left, right):
            yield Line(((x, _TOP - 18), (x, frame.bottom)), FAINT, dashed=True)
        ticks_only = f"×{placed.group.ticks}"
        words = (group_text(placed), f"{len(placed.group.steps)} by rows {ticks_only}", ticks_only)
        label = next((text for text in words if cut_to(text, right - left - 4, 10) == text), "")
        yield Text((left + right) / 2, _TOP - 6, label, "middle", 10, FAINT)
