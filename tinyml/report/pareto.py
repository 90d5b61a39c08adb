"""What memory costs in work, as a plot: arena over multiply-accumulates, a line per way of feeding the input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tinyml.report.drawing import FAINT, PALETTE, Axis, Dot, Drawing, Frame, Line, Shape, Text, bytes_axis, ticks
from tinyml.scheduler import Plan
from tinyml.scheduler.slices import slice_counts

WIDTH, HEIGHT = 720, 440
_LEFT, _TOP, _RIGHT, _BOTTOM = 80, 70, 24, 60


def pareto_drawing(plans: Sequence[Plan], limit_bytes: int, where: str) -> Drawing:
    """plans: of one graph, with the least work first within each way of feeding. limit_bytes: SRAM of `where`."""
    name = plans[0].graph.name
    most = max(plan.arena_bytes for plan in plans)
    shown_limit = limit_bytes <= 1.5 * most
    y = bytes_axis("arena", int(1.08 * max(most, limit_bytes if shown_limit else 0)))
    frame = Frame(_LEFT, _TOP, WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM, _work_axis(plans), y)
    shapes: list[Shape] = [Text(_LEFT, 24, f"Memory and work of {name}", size=15, bold=True), *frame.shapes()]
    if shown_limit:
        left, height = frame.at(frame.x.low, limit_bytes)
        shapes.append(Line(((left, height), (left + frame.width, height)), FAINT, dashed=True))
        label = f"{limit_bytes:,} bytes: {where}"
        shapes.append(Text(left + frame.width, height - 5, label, "end", 11, FAINT))
    named = (("input resident", False), ("input fed by rows", True))
    if any(plan.unsliced is not None for plan in plans):
        shapes += [*_sliced_dot(_LEFT + 306, 48, FAINT), Text(_LEFT + 316, 52, "blocks in slices")]
    for number, (label, fed) in enumerate(named):
        series = [plan for plan in plans if (plan.fed is not None) == fed]
        if series:
            shapes += _series(frame, series, PALETTE[number])
            shapes.append(Dot(_LEFT + 6 + 150 * number, 48, PALETTE[number]))
            shapes.append(Text(_LEFT + 16 + 150 * number, 52, label))
    return Drawing(f"Memory and work of {name}", WIDTH, HEIGHT, tuple(shapes))


def work_factor(plan: Plan) -> float:
    """Multiply-accumulates executed, as a multiple of the model's own."""
    return plan.macs_executed / plan.graph.macs if plan.graph.macs else 1.0


def _work_axis(plans: Sequence[Plan]) -> Axis:
    most = max(1.05, *map(work_factor, plans))
    margin = 0.04 * (most - 1)
    found = [(value, f"{value:.10g}") for value in ticks(1, most + margin)]
    return Axis("multiply-accumulates executed (× the model's own)", 1 - margin, most + margin, found)


def _sliced_dot(x: float, y: float, colour: str, title: str = "") -> Iterator[Shape]:
    """A ring: for a plan with blocks in slices."""
    yield Dot(x, y, colour, title=title)
    yield Dot(x, y, "#ffffff", 2, title)


def _series(frame: Frame, plans: Sequence[Plan], colour: str) -> Iterator[Shape]:
    """A staircase: between two points the one with less work is what there is."""
    places = [frame.at(work_factor(plan), plan.arena_bytes) for plan in plans]
    corners = [places[0]]
    for x, y in places[1:]:
        corners += [(x, corners[-1][1]), (x, y)]
    corners.append((frame.left + frame.width, places[-1][1]))
    yield Line(tuple(corners), colour, 1.5)
    for plan, (x, y) in zip(plans, places, strict=True):
        facts = f"{plan.arena_bytes:,} bytes, {work_factor(plan):.4f} × the MACs, {plan.kernel_calls:,} kernel calls"
        if plan.unsliced is None:
            yield Dot(x, y, colour, title=facts)
        else:
            yield from _sliced_dot(x, y, colour, f"{facts}, {len(slice_counts(plan.graph))} blocks in slices")
    for plan, (x, y) in ((plans[0], places[0]), (plans[-1], places[-1]))[: len(plans)]:
        anchor = "end" if x > frame.left + 0.8 * frame.width else "start"
        beside = (x - 7, y + 15) if anchor == "end" else (x + 7, y - 6)
        yield Text(*beside, f"{plan.arena_bytes:,}", anchor, 11, colour)
