"""One option for each of several needs, so that what the options are made of, shared parts once, weighs the least."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from tinyml.scheduler.packing import cp_model, deterministic_solver, solved

Option = Mapping[Hashable, int]  # part -> its weight, at least 0


def cheapest(needs: Sequence[Sequence[Option]], seconds: float = 5.0) -> list[int]:
    """For each need, which of its options to take, by place: facility location, where an option opens many facilities.

    Exact, by CP-SAT, unless that takes more than so many deterministic seconds: then the best found by then. Among
    equals it takes the options that are listed first.
    """
    choices = {number: options for number, options in enumerate(needs) if len(options) > 1}
    picks = [0] * len(needs)
    if not choices:
        return picks
    paid = {part for options in needs if len(options) == 1 for part in options[0]}
    counts = Counter(part for options in choices.values() for part in set().union(*options) - paid)
    unit = 1 + sum(len(options) - 1 for options in choices.values())  # no sum of places outweighs one of weight
    model = cp_model().CpModel()
    opened: dict[Hashable, Any] = {part: model.new_bool_var("") for part, count in counts.items() if count > 1}
    weights = {part: weight for options in choices.values() for option in options for part, weight in option.items()}
    cost = [variable * (unit * weights[part]) for part, variable in opened.items()]
    taken = {number: [model.new_bool_var("") for _ in options] for number, options in choices.items()}
    for number, variables in taken.items():
        model.add_exactly_one(variables)
        for place, (variable, option) in enumerate(zip(variables, choices[number], strict=True)):
            own = sum(weight for part, weight in option.items() if counts[part] == 1)
            cost.append(variable * (unit * own + place))
            for part in option:
                if part in opened:
                    model.add_implication(variable, opened[part])
    model.minimize(sum(cost))
    solver = deterministic_solver(seconds)
    if solved(solver.solve(model)):
        for number, variables in taken.items():
            picks[number] = next(place for place, variable in enumerate(variables) if solver.value(variable))
    return picks
