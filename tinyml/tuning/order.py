"""The order in which the planner tries the kernels of a step."""

from __future__ import annotations

from collections.abc import Sequence

from tinyml.costs import CostModel
from tinyml.costs.plan import step_instructions
from tinyml.scheduler import Plan, Step
from tinyml.tuning.cache import Measurements


class KernelOrder:
    """The fastest first. Two measured kernels are compared by their counts. Where one of them was not measured, the
    later listed goes first only if the cost model puts it ahead by more than both its errors; so without measurements
    the listed order stands unless the model is sure.
    """

    def __init__(self, model: CostModel | None, measured: Measurements | None) -> None:
        self._model, self._measured = model, measured

    def __call__(self, steps: Sequence[Step]) -> Sequence[Step]:
        ordered: list[Step] = []
        for step in steps:
            place = len(ordered)
            while place > 0 and self._beats(step, ordered[place - 1]):
                place -= 1
            ordered.insert(place, step)
        return ordered

    def _beats(self, later: Step, former: Step) -> bool:
        counts = self.measured(later), self.measured(former)
        if counts[0] is not None and counts[1] is not None:
            return counts[0] < counts[1]
        high, low = self._range(later), self._range(former)
        return high is not None and low is not None and high[1] < low[0]

    def measured(self, step: Step) -> int | None:
        return self._measured.of(step) if self._measured else None

    def _range(self, step: Step) -> tuple[float, float] | None:
        """Instructions at least and at most."""
        if self._model is None:
            return None
        count = step_instructions(self._model, step)
        if count is None:
            return None
        error = self._model.error(step.kernel)
        return count * (1 - error), count * (1 + error)

    def basis(self, plan: Plan) -> str:
        """How a plan's kernels were chosen: "measured", "partly measured", "estimated", or "listed" for neither."""
        known = [self.measured(step) is not None for step in plan.steps]
        if any(known):
            return "measured" if all(known) else "partly measured"
        return "estimated" if self._model else "listed"
