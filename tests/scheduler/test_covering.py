"""The choice of options with the least weight in common, against all choices there are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tinyml.scheduler.covering import Option, cheapest


def weight(options: list[Option]) -> int:
    return sum({part: weight for option in options for part, weight in option.items()}.values())


@pytest.mark.parametrize("seed", range(20))
def test_no_choice_is_lighter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 30, 12).tolist()
    needs: list[list[Option]] = [
        [
            {int(part): weights[part] for part in rng.choice(12, int(rng.integers(0, 5)), replace=False)}
            for _ in range(int(rng.integers(1, 4)))
        ]
        for _ in range(6)
    ]
    every = [weight([needs[n][place] for n, place in enumerate(places)]) for places in product(*map(_places, needs))]
    assert weight([options[place] for options, place in zip(needs, cheapest(needs), strict=True)]) == min(every)


def _places(options: list[Option]) -> range:
    return range(len(options))


def test_among_equals_the_first() -> None:
    assert cheapest([[{"a": 2}, {"b": 2}], [{"c": 3}, {"d": 1, "e": 2}], [{}]]) == [0, 0, 0]
    assert cheapest([]) == []
