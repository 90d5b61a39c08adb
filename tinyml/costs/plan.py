"""The estimate of a plan: instructions step by step, their error, and the time that they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyml.board import Board
from tinyml.costs.model import CPI, CostModel, cost_model
from tinyml.costs.shapes import Calls
from tinyml.ir import Node
from tinyml.scheduler import Plan, Step
from tinyml.scheduler.strips import cut_node


@dataclass(frozen=True)
class Estimate:
    """Of one inference. Steps in the order of the plan.

    error: relative, of the sum, if all its layers err alike, or what whole networks were off if that is more; single
        layers may err more. cpi: cycles per instruction assumed.
    """

    steps: tuple[float, ...]
    error: float
    cpi: float
    clock_hz: int

    @property
    def instructions(self) -> int:
        return round(sum(self.steps))

    @property
    def seconds(self) -> float:
        """Instructions times cpi over the clock: an assumption, not a measurement."""
        return self.seconds_of(self.instructions)

    def seconds_of(self, instructions: float) -> float:
        return instructions * self.cpi / self.clock_hz

    def to_dict(self) -> dict[str, Any]:
        """Keys in docs/cli.md."""
        return {
            "unit": "instructions",
            "instructions": self.instructions,
            "seconds": float(f"{self.seconds:.4g}"),
            "error": round(self.error, 4),
            "cycles_per_instruction": self.cpi,
            "clock_hz": self.clock_hz,
        }

    def __str__(self) -> str:
        return (
            f"estimated {self.instructions:,} instructions ± {self.error:.0%}: "
            f"{milliseconds(self.seconds)} if one takes {self.cpi} cycles (assumed) at {self.clock_hz / 1e6:g} MHz"
        )


def milliseconds(seconds: float) -> str:
    """Three digits with a unit."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def estimate(plan: Plan, board: Board) -> Estimate | None:
    """What one inference of a plan takes on a board; None where a kernel's cost is not known, as on the host."""
    model = cost_model(board.cpu.core)
    steps = [step_instructions(model, step) for step in plan.steps] if model else []
    if model is None or None in steps:
        return None
    uses = Counter(step.kernel.name for step in plan.steps)
    alone = [model.kernels[s.kernel.name].alone if uses[s.kernel.name] == 1 else 1.0 for s in plan.steps]
    known = [count * share for count, share in zip(steps, alone, strict=True) if count is not None]
    off = sum(count * model.error(step.kernel) for count, step in zip(known, plan.steps, strict=True))
    error = max(off / max(sum(known), 1), model.networks_error)
    return Estimate(tuple(known), error, CPI[board.cpu.core], board.cpu.clock_hz)


def step_instructions(model: CostModel, step: Step) -> float | None:
    """None for a kernel that the model does not know."""
    counts = [model.instructions(step.kernel, node, calls, idle) for node, calls, idle in step_calls(step)]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def step_calls(step: Step) -> Iterator[tuple[Node, Calls, int]]:
    """What a step calls its kernel for: a node, rows of a call -> calls, and calls without work; one item per strip."""
    done = step.rows.end - step.rows.begin
    rows, times = np.unique(done[done > 0], return_counts=True)
    calls = dict(zip(rows.tolist(), times.tolist(), strict=True))
    idle = int((done <= 0).sum())
    if step.columns is None:
        yield step.node, calls, idle
        return
    for begin, end in zip(step.columns.begin.tolist(), step.columns.end.tolist(), strict=True):
        if begin < end:
            yield cut_node(step.node, begin, end), calls, idle
