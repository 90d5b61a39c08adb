"""Damaged model files through load, passes, plan and C: each ends in C or in one clear TinymlError, and soon.

More: `python -m tests.hostile_models --seed 7 --count 5000`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.conftest import shared_model
from tests.hostile_models import damaged, outcome
from tests.importers.mutations import contradicted, mutations

ERRORS = {"ModelError", "UnsupportedError"}


def check(outcomes: Counter[str]) -> None:
    odd = [text for text in outcomes if text not in ERRORS | {"C"}]
    assert not odd, "\n".join(odd)
    assert outcomes["C"] > 0 and all(outcomes[name] > 0 for name in ERRORS)


@pytest.mark.parametrize("seed", range(3))
def test_small_files(seed: int) -> None:
    check(Counter(outcome(data) for data in damaged(seed, 400)))


@pytest.mark.parametrize("name", ["kws_int8", "mcunet_vww_80"])
def test_shared_models(name: str) -> None:
    data = shared_model(name).read_bytes()
    rng = np.random.default_rng(1)
    copies = [*mutations(data, 30, seed=4), *(contradicted(data, rng) for _ in range(30))]
    check(Counter(map(outcome, copies)))
