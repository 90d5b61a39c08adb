"""Least absolute relative errors with factors of 0 or more; the error of what was not fitted to.

Absolute, not squared: a compiler folds a layer in a hundred to next to nothing, which must not weigh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FOLDS = 5
_ROUNDS, _EXACT = 12, 0.01  # of reweighting; relative errors below this weigh as squares
SMALL = 300  # instructions: differences below are no matter, and the smallest layers are a compiler's constants
_LEAST = 1e-9


@dataclass(frozen=True)
class Fit:
    """factors: by term, above 0. error, middle: that 9 of 10, and half, of the left-out layers are within; relative."""

    factors: dict[str, float]
    error: float
    middle: float
    samples: int

    def instructions(self, terms: dict[str, float]) -> float:
        return sum(self.factors.get(name, 0.0) * value for name, value in terms.items())


def fit(terms: Sequence[dict[str, float]], counts: Sequence[int]) -> Fit:
    """What each term costs, and the error by cross-validation: each layer is predicted from others only."""
    names = sorted({name for term in terms for name in term})
    table = np.array([[term.get(name, 0.0) for name in names] for term in terms])
    target = np.array(counts, np.float64)
    folds = np.random.default_rng(0).permutation(len(counts)) % FOLDS
    missed = np.zeros(len(counts))
    for fold in range(FOLDS):
        kept, left = folds != fold, folds == fold
        guess = table[left] @ _factors(table[kept], target[kept])
        missed[left] = np.abs(guess - target[left]) / (target[left] + SMALL)
    factors = {name: float(f"{value:.5g}") for name, value in zip(names, _factors(table, target), strict=True) if value}
    error, middle = (round(float(np.quantile(missed, share)), 4) for share in (0.9, 0.5))
    return Fit(factors, error, middle, len(counts))


def _factors(table: Floats, target: Floats) -> Floats:
    """Rounds of weighted squares, from absolute ones on. Errors are relative to the larger of estimate and count: so a
    layer that the compiler folded to next to nothing weighs no more than any other that is wrong."""
    scale = np.maximum(np.linalg.norm(table, axis=0), _LEAST)
    scaled, weights = table / scale, np.full(len(target), 1 / target.max())
    for _ in range(_ROUNDS):
        factors = nonnegative(scaled * weights[:, None], target * weights)
        found = scaled @ factors
        size = np.maximum(found, target) + SMALL
        weights = 1 / size / np.sqrt(np.maximum(np.abs(found - target) / size, _EXACT))
    return factors / scale


def nonnegative(table: Floats, target: Floats) -> Floats:
    """argmin |table @ x - target| over x >= 0: the active set method (Lawson and Hanson 1974, chapter 23) on the normal
    equations, with a little added to the diagonal for terms that are nearly alike."""
    count = table.shape[1]
    normal, wanted = table.T @ table, table.T @ target
    normal[np.diag_indices(count)] *= 1 + 1e-8
    normal[np.diag_indices(count)] += 1e-12 * normal.trace() / count
    x, free = np.zeros(count), np.zeros(count, bool)
    least = 1e-7 * max(float(np.abs(wanted).max(initial=0.0)), 1e-300)
    for _ in range(3 * count):
        slope = np.where(free, 0.0, wanted - normal @ x)
        if slope.max(initial=0.0) < least:
            break
        free[int(slope.argmax())] = True
        while True:
            trial = np.zeros(count)
            trial[free] = np.linalg.solve(normal[np.ix_(free, free)], wanted[free])
            below = free & (trial <= 0)
            if not below.any():
                break
            steps = x[below] / np.maximum(x[below] - trial[below], 1e-300)
            x += steps.min() * (trial - x)
            free &= x > 1e-12 * max(float(x.max()), 1e-300)
            x[~free] = 0.0
        x = trial
    return x
