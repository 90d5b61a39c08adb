"""What a tensor's values were: counts in bins, gathered sample by sample in one pass."""

from __future__ import annotations

import math

import numpy as np

from tinyml.ir import Array

HALF = 8192  # bins on either side of zero: 32 to 64 for each step of a quantized range


class Histogram:
    """Counts of values in bins whose width is a power of two, so that doubling it merges bins exactly.

    low, high: the least and the greatest value, 0 included. zeros: how many values were exactly 0; an affine
    quantization keeps those, so they are not in the bins. total: all values.
    """

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self.zeros = self.total = 0
        self._exponent = -1100  # below every double
        self._counts = np.zeros(2 * HALF, np.int64)

    def add(self, values: Array) -> None:
        """values: finite numbers, any shape."""
        flat = values.ravel()
        used = flat[flat != 0].astype(np.float64)
        self.total += flat.size
        self.zeros += flat.size - used.size
        if used.size:
            self._reach(float(used.min()), float(used.max()))
            places = np.floor(used * 2.0**-self._exponent).astype(np.int64) + HALF
            self._counts += np.bincount(places, minlength=2 * HALF)

    def merge(self, other: Histogram) -> None:
        """Counts what the other counted, too."""
        self._reach(other.low, other.high)
        self.total += other.total
        self.zeros += other.zeros
        self._counts += _coarser(other._counts, self._exponent - other._exponent)

    def widen(self, value: float) -> None:
        """Puts a value into the range without counting it: what a constant adds."""
        self._reach(value, value)

    @property
    def centres(self) -> Array:
        """float64 [2 * HALF]: the middles of the bins, ascending."""
        middles: Array = (np.arange(2 * HALF) - HALF + 0.5) * self.width
        return middles

    @property
    def counts(self) -> Array:
        return self._counts

    @property
    def width(self) -> float:
        return 2.0**self._exponent if self._exponent > -1074 else 0.0

    def outside(self, low: float, high: float) -> float:
        """The share of all values that lie beyond [low, high], to the resolution of the bins."""
        beyond = (self.centres < low) | (self.centres > high)
        return float(self._counts[beyond].sum() / max(self.total, 1))

    def _reach(self, low: float, high: float) -> None:
        self.low, self.high = min(self.low, low), max(self.high, high)
        peak = max(-self.low, self.high)
        if peak == 0:
            return
        exponent = max(math.frexp(peak / HALF)[1], -1000)
        if exponent > self._exponent:
            self._counts = _coarser(self._counts, exponent - self._exponent)
            self._exponent = exponent


def _coarser(counts: Array, doublings: int) -> Array:
    """The counts in bins 2**doublings as wide."""
    if doublings <= 0 or not counts.any():
        return counts
    places = (np.arange(2 * HALF) - HALF) >> min(doublings, 62)
    merged = np.bincount(places + HALF, weights=counts, minlength=2 * HALF)
    return merged.astype(np.int64)
