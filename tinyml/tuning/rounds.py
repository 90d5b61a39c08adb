"""Rounds of measuring: each plans with the kernels first that are not measured yet, until no plan takes a new one.

So the planner itself says which kernels its memory has room for, every firmware measures a new kernel in as many layers
as have one, and there are about as many builds as a layer has kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyml.kernel import Kernel
from tinyml.scheduler import Plan, Step
from tinyml.tuning.cache import Measurements, layer_key


@dataclass(frozen=True)
class TunedStep:
    """A step of the tuned plan. counts: of every kernel that was measured for it, by name, the least first.

    before: the kernel without measurements, where the plan without them has this node run the same way.
    """

    layer: str
    op: str
    kernel: str
    before: str | None
    counts: dict[str, int]


@dataclass(frozen=True)
class Tuning:
    """builds: firmwares that were measured. unit: of the counts, "instructions" or "cycles"; reading the counter is in
    them, once per call. before, after: sums over all steps, of the plan without measurements and of the tuned one.
    """

    plan: Plan
    steps: tuple[TunedStep, ...]
    builds: int
    unit: str
    before: int
    after: int
    file: str


class Rounds:
    """What is measured, and what the planner refused."""

    def __init__(self, measured: Measurements) -> None:
        self._measured = measured
        self._offers: dict[tuple[int, str], tuple[Kernel, ...]] = {}
        self._refused: set[tuple[int, str, str]] = set()

    def order(self, steps: Sequence[Step]) -> Sequence[Step]:
        """Kernels that are neither measured nor refused first; else as they are listed."""
        key = id(steps[0].node), layer_key(steps[0])
        ordered = sorted(steps, key=lambda step: self._known(step, key))
        self._offers[key] = tuple(step.kernel for step in ordered)
        return ordered

    def _known(self, step: Step, key: tuple[int, str]) -> bool:
        return (*key, step.kernel.name) in self._refused or self._measured.of(step) is not None

    def settle(self, plan: Plan) -> bool:
        """Notes what the planner did not take of what it was offered; whether that leaves something new to offer."""
        before = len(self._refused)
        for step in plan.steps:
            key = id(step.node), layer_key(step)
            offered = self._offers.get(key, ())
            passed = offered[: offered.index(step.kernel)] if step.kernel in offered else ()
            new = (kernel.name for kernel in passed if kernel.name not in self._measured.counts.get(key[1], {}))
            self._refused |= {(*key, name) for name in new}
        return len(self._refused) > before

    def fresh(self, plan: Plan) -> bool:
        """Whether the plan has a step that is not measured."""
        return any(self._measured.of(step) is None for step in plan.steps)

    def record(self, plan: Plan, counts: Sequence[int]) -> None:
        """counts: of the plan's steps, in their order."""
        for step, count in zip(plan.steps, counts, strict=True):
            if self._measured.of(step) is None:
                self._measured.add(step, count)


def compared(plan: Plan, before: Plan, measured: Measurements, builds: int) -> Tuning:
    """The tuned plan beside the one without measurements, whose steps were all measured."""
    kernels = {(step.node, layer_key(step)): step.kernel.name for step in before.steps}
    steps = []
    for step in plan.steps:
        key = layer_key(step)
        counts = dict(sorted(measured.counts.get(key, {}).items(), key=lambda pair: (pair[1], pair[0])))
        former = kernels.get((step.node, key))
        steps.append(TunedStep(step.node.name, step.node.op.kind, step.kernel.name, former, counts))
    totals = [sum(measured.of(step) or 0 for step in one.steps) for one in (before, plan)]
    return Tuning(plan, tuple(steps), builds, measured.unit, totals[0], totals[1], str(measured.path))
