"""Logistic and tanh from int16 to int16 by one table, as TensorFlow Lite's reference kernels interpolate it.

Twin of codegen/include/tml_sigmoid_table.h: change both or neither. The input is in steps of 2**-12 times 2**shift;
outputs are in steps of 2**-15. tanh(x) = 2 * logistic(2 * x) - 1.

Source: TensorFlow Lite (kernels/internal/reference/integer_ops/logistic.h and tanh.h), reproduced to the bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyml.ir.requantize import Int64

TABLE_SIZE = 256
STEPS_PER_UNIT = 24


def sigmoid_table() -> NDArray[np.uint16]:
    """logistic(i / 24) in steps of 2**-16, raised by half of what a chord to the next entry lies too low."""
    exact = 1 / (1 + np.exp(-np.arange(TABLE_SIZE) / STEPS_PER_UNIT))
    bend = exact * (1 - exact) * (1 - 2 * exact) / STEPS_PER_UNIT**2  # second derivative
    values = 65536 * (exact - bend / 16)
    return np.minimum(np.floor(values + 0.5), 65535).astype(np.uint16)


def logistic16(values: Int64, shift: int) -> Int64:
    scaled, magnitude = _scaled(values, shift)
    result = _looked_up(magnitude, 9, 0x7FFF << 10)
    result = np.where(scaled >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1)
    return result >> 10


def tanh16(values: Int64, shift: int) -> Int64:
    scaled, magnitude = _scaled(values, shift)
    result = _looked_up(magnitude, 8, 0xFFFF << 8)
    result = np.where(scaled >= 0, result - (1 << 23) + (1 << 7), -result + (1 << 23) + (1 << 7) - 1)
    return result >> 8


def _scaled(values: Int64, shift: int) -> tuple[Int64, Int64]:
    """Three quarters of the table's fine steps, and their magnitude; a negative shift rounds."""
    scaled = values * (3 << shift) if shift >= 0 else (values * 3 + (1 << (-shift - 1))) >> -shift
    return scaled, np.abs(scaled)


def _looked_up(magnitude: Int64, bits: int, greatest: int) -> Int64:
    """The table at magnitude / 2**bits, interpolated."""
    table = sigmoid_table().astype(np.int64)
    place = np.minimum(magnitude >> bits, TABLE_SIZE - 2)
    between = (table[place] << bits) + (magnitude & ((1 << bits) - 1)) * (table[place + 1] - table[place])
    return np.where(magnitude >> bits >= TABLE_SIZE - 1, greatest, between)
