"""From a histogram to the range that 256 steps shall cover. One function per observer and one line in OBSERVERS."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tinyml.ir import Array, Quant
from tinyml.quantizer.histogram import Histogram

Range = tuple[float, float]  # least and greatest real number, 0 between them
Observer = Callable[[Histogram], Range]

STEPS = 255
_FRACTIONS = np.geomspace(1, 0.02, 120)  # of the full range, tried by `mse`


def minmax(histogram: Histogram) -> Range:
    """All values that were seen."""
    return histogram.low, histogram.high


def percentile(histogram: Histogram, share: float) -> Range:
    """Without the greatest and without the least 1 - share of all values; 0 stays inside."""
    centres, counts = histogram.centres, histogram.counts.copy()
    counts[len(counts) // 2] += histogram.zeros
    below, cut = np.cumsum(counts), (1 - share) * histogram.total
    half = histogram.width / 2
    low = float(centres[np.searchsorted(below, cut, side="right")] - half) if below[-1] > cut else 0.0
    above = histogram.total - below
    high = float(centres[np.argmax(above <= cut)] + half)
    return max(min(low, 0.0), histogram.low), min(max(high, 0.0), histogram.high)


def mse(histogram: Histogram) -> Range:
    """The range of least mean squared error: rounding inside (a twelfth of a step, squared) plus clipping outside."""
    lows = histogram.low * _FRACTIONS if histogram.low < 0 else np.zeros(1)
    highs = histogram.high * _FRACTIONS if histogram.high > 0 else np.zeros(1)
    above, clipped_above = _beyond(histogram.centres, histogram.counts, highs)
    below, clipped_below = _beyond(-histogram.centres[::-1], histogram.counts[::-1], -lows)
    inside = histogram.counts.sum() - below[:, None] - above[None, :]
    steps = (highs[None, :] - lows[:, None]) / STEPS
    error = inside * steps**2 / 12 + clipped_below[:, None] + clipped_above[None, :]
    row, column = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(lows[row]), float(highs[column])


def _beyond(centres: Array, counts: Array, bounds: Array) -> tuple[Array, Array]:
    """Per bound: how many values are greater, and the sum of their squared distances from it."""
    tail = [np.append(np.cumsum((counts * centres**power)[::-1])[::-1], 0.0) for power in (0, 1, 2)]
    n, first, second = (sums[np.searchsorted(centres, bounds, side="right")] for sums in tail)
    return n, np.maximum(second - 2 * bounds * first + bounds**2 * n, 0)


OBSERVERS: dict[str, Observer] = {
    "minmax": minmax,
    "percentile": partial(percentile, share=0.9999),
    "mse": mse,
}
# what `auto` measures besides, tensor by tensor
CANDIDATES: dict[str, Observer] = {
    **OBSERVERS,
    "percentile 99.9": partial(percentile, share=0.999),
    "percentile 99.999": partial(percentile, share=0.99999),
}


def activation_quant(low: float, high: float) -> Quant:
    """int8 per tensor: 256 steps over [low, high], widened to hold 0, which is a step of its own.

    A range too narrow for float32 becomes [0, 1]: all its values are 0 then.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-20:
        low, high = 0.0, 1.0
    scale = float(np.float32((high - low) / STEPS))
    return Quant.per_tensor(scale, int(np.clip(np.floor(-128 - low / scale + 0.5), -128, 127)))


def wide_quant(low: float, high: float) -> Quant:
    """int16 per tensor: symmetric steps that reach both ends, zero point 0."""
    reach = max(-low, high)
    return Quant.per_tensor(float(np.float32((reach if reach > 1e-20 else 1.0) / 32767)))
