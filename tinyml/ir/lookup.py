"""Logistic, tanh, exponential and reciprocal on int16, by tables between whose entries is interpolated.

Twin of codegen/include/tml_lookup.h: change both or neither. Source: TensorFlow Lite's reference kernels for int16, as
TensorFlow Lite Micro builds them, reproduced to the bit. All arrays are int64 that hold integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from tinyml.ir.requantize import Int64, round_half_away
from tinyml.ir.tensor import Array

MOST_SCALE = 32767 / 12288  # of the input of a logistic or tanh: its steps in 1/12288 fit 15 bits
_STEPS = 512  # between the ends of a table of 16 bits


@lru_cache(maxsize=1)
def sigmoid_table() -> Int64:
    """[256]: 65536 / (1 + exp(-i / 24)), raised by half of what a chord lies below the curve; the last is 65535."""

    def exact(x: Array) -> Array:
        return np.asarray(65536 / (1 + np.exp(-x / 24)))

    i = np.arange(256)
    below = exact(i + 0.5) - (exact(i) + exact(i + 1)) / 2
    table = np.floor(exact(i) + below / 2 + 0.5).astype(np.int64)
    table[-1] = 65535
    return table


def sigmoid_scaling(scale: float, most_bits: int) -> tuple[int, int]:
    """(multiplier, shift to the right) from steps of `scale` to 1/12288.

    A scale within a thousandth of an octave of 2**-12, or of up to `most_bits` bits more, counts as that power of two.
    """
    octave = math.log2(scale)
    if abs(octave - round(octave)) < 1e-3 and 0 <= 12 + round(octave) <= most_bits:
        scale = 2.0 ** round(octave)
    real, shift = scale * 12288, 0
    while real <= 32767 / 2 and shift <= 30:
        real, shift = 2 * real, shift + 1
    return int(real), shift


def octave_scaling(octaves: int) -> tuple[int, int]:
    """The same from steps of 2**(octaves - 12)."""
    return (3 << octaves, 0) if octaves >= 0 else (3, -octaves)


def logistic_int16(values: Array, scaling: tuple[int, int]) -> Int64:
    """In steps of 1/32768; scaling: of the values, as above."""
    scaled, between = _sigmoid(values, scaling, 9, 0x7FFF << 10)
    rounded: Int64 = np.where(scaled >= 0, between + 512, (1 << 25) - between + 511) >> 10
    return rounded


def tanh_int16(values: Array, scaling: tuple[int, int]) -> Int64:
    """In steps of 1/32768; scaling: of the values, as above."""
    scaled, between = _sigmoid(values, scaling, 8, 0xFFFF << 8)
    rounded: Int64 = np.where(scaled >= 0, between - (1 << 23) + 128, (1 << 23) - between + 127) >> 8
    return rounded


def _sigmoid(values: Array, scaling: tuple[int, int], bits: int, end: int) -> tuple[Int64, Int64]:
    """(values in 1/12288, the table between its entries at their magnitude), an entry every 2**bits steps."""
    multiplier, shift = scaling
    scaled = (values.astype(np.int64) * multiplier + ((1 << shift) >> 1)) >> shift
    magnitude, table = np.abs(scaled), sigmoid_table()
    entry = np.minimum(magnitude >> bits, 254)
    low, high = table[entry], table[entry + 1]
    between = (low << bits) + (magnitude & ((1 << bits) - 1)) * (high - low)
    return scaled, np.where(magnitude >> bits >= 255, end, between)


def interpolated(values: Array, table: Int64) -> Int64:
    """A table [513] of a function of int16 at int16 values."""
    index = 256 + (values >> 7)
    low = table[index]
    found: Int64 = low + (((table[index + 1] - low) * (values & 127) + 64) >> 7)
    return found


@lru_cache(maxsize=1)
def exp_table() -> Int64:
    """[513]: exp(x) in 1/32768 for x from -10 to 0."""
    return _table(np.exp, np.float32(10), 32767, np.float32(2))


@lru_cache(maxsize=1)
def reciprocal_table() -> Int64:
    """[513]: 1 / (1 + x) in 1/32768 for x from 0 to 1."""
    return _table(lambda x: np.float32(1) / (np.float32(1) + x), np.float32(1), -32768, np.float32(2))


def _table(function: Callable[[Array], Array], span: np.float32, zero_point: int, output_span: np.float32) -> Int64:
    """int16 to int16, both over the whole range, in float32; each entry is half of the chord's error off."""
    width = np.float32(65535)
    input_step, output_step = span / width, output_span / width
    low = input_step * np.float32(-32768 - zero_point)
    high = input_step * np.float32(32767 - zero_point)
    step = (high - low) / np.float32(_STEPS)
    per_one = np.float32(65536) / (output_step * np.float32(32767) - output_step * np.float32(-32768))
    i = np.arange(_STEPS, dtype=np.float32)

    def at(x: Array) -> Array:
        # a correctly rounded float32, as the C library gives
        return np.asarray(function(x.astype(np.float64)).astype(np.float32) * per_one)

    here, between, there = at(low + i * step), at(low + i * step + step / 2), at(low + (i + 1) * step)
    chord = round_half_away((there + round_half_away(here)) / np.float32(2))
    off = round_half_away((chord - round_half_away(between)) / np.float32(2))
    entries = np.append(round_half_away(here) - off, round_half_away(at(np.array([high]))))
    table: Int64 = np.clip(entries, -32768, 32767).astype(np.int64)
    return table
