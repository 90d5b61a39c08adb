"""Histograms count every value once whatever the order; observers find the ranges they promise."""

from __future__ import annotations

import numpy as np
import pytest

from tinyml.ir import Array
from tinyml.quantizer.histogram import Histogram
from tinyml.quantizer.measure import Error, as_int8_and_back
from tinyml.quantizer.observers import OBSERVERS, activation_quant, minmax, mse, percentile


def counted(*parts: Array) -> Histogram:
    histogram = Histogram()
    for part in parts:
        histogram.add(part)
    return histogram


def error(values: Array, low: float, high: float) -> float:
    found = Error()
    found.add(values, as_int8_and_back(values, activation_quant(low, high)))
    return found.noise


def test_the_order_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    parts = [(rng.normal(size=500) * 10.0**power).astype(np.float32) for power in (-3, 0, 2)]
    first, second = counted(*parts), counted(*parts[::-1])
    merged = counted(parts[2])
    merged.merge(counted(*parts[:2]))
    for other in (second, merged):
        np.testing.assert_array_equal(first.counts, other.counts)
        assert (first.low, first.high, first.total) == (other.low, other.high, other.total)
    assert first.counts.sum() == first.total == 1500


def test_zeros_are_counted_apart_and_nothing_is_a_range() -> None:
    histogram = counted(np.zeros(7), np.array([0.0, 3.0]))
    assert (histogram.zeros, histogram.total, histogram.low, histogram.high) == (8, 9, 0, 3)
    for observer in OBSERVERS.values():
        low, high = observer(counted(np.zeros(4)))
        assert (low, high) == (0, 0)
        assert activation_quant(low, high).scale == pytest.approx(1 / 255)


def test_minmax_holds_zero() -> None:
    assert minmax(counted(np.array([2.0, 5.0]))) == (0, 5)
    assert minmax(counted(np.array([-2.0, -5.0]))) == (-5, 0)


def test_percentile_drops_the_rare() -> None:
    values = np.concatenate([np.linspace(-1, 1, 100_000), [50.0, -70.0]])
    low, high = percentile(counted(values), 0.999)
    assert low == pytest.approx(-1, abs=0.05) and high == pytest.approx(1, abs=0.05)
    assert percentile(counted(values), 1.0) == (-70, 50)


@pytest.mark.parametrize("kind", ["normal", "rectified", "laplace", "uniform"])
def test_mse_beats_every_other_range(kind: str) -> None:
    rng = np.random.default_rng(1)
    values = {
        "normal": rng.normal(size=20_000),
        "rectified": np.maximum(rng.normal(size=20_000), 0),
        "laplace": rng.laplace(size=20_000),
        "uniform": rng.uniform(-1, 2, 20_000),
    }[kind]
    low, high = mse(counted(values))
    least = min(error(values, share * values.min(), share * values.max()) for share in np.linspace(0.2, 1, 60))
    assert error(values, low, high) <= 1.03 * least


def test_outside() -> None:
    assert counted(np.linspace(-1, 1, 10_000)).outside(-0.5, 0.5) == pytest.approx(0.5, abs=0.01)


def test_the_quantization_holds_zero_exactly() -> None:
    for low, high in ((0, 6), (-1, 1), (-3, 0), (0.5, 2), (-1e-3, 5)):
        quant = activation_quant(low, high)
        assert as_int8_and_back(np.zeros(1, np.float32), quant) == 0
    assert activation_quant(0, 6).zero_point == -128 and activation_quant(-3, 0).zero_point == 127
