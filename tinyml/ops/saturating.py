"""The input side that logistic and tanh share: Q4 numbers, and the ends of the scale beyond them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Tensor, shown
from tinyml.ir.lookup import MOST_SCALE
from tinyml.ir.requantize import Int64, multiply_by_quantized_multiplier, quantize_multiplier


def on_input_range(values: Int64, source: Tensor, middle: Callable[[Int64], Int64]) -> Int64:
    """`middle` of the values in Q4 (4 integer bits) where they are within about 15; -128 below and 127 above.

    The bound is TFLM's: the largest number that the shift into Q4 cannot overflow.
    """
    centred = values - source.affine.zero_point
    real = source.affine.scale * 2.0**27
    radius = math.floor(15 * 2.0 ** (27 - math.frexp(real)[1]))
    inside = np.clip(centred, -radius, radius)
    result = middle(multiply_by_quantized_multiplier(inside, *quantize_multiplier(real)))
    return np.where(centred <= -radius, -128, np.where(centred >= radius, 127, result))


def check_lookup(source: Tensor) -> None:
    """UnsupportedError for an int16 operand of steps that TFLM's tables do not reach."""
    if source.affine.scale > MOST_SCALE:
        raise UnsupportedError(
            f"{shown(source.name)} is int16 of scale {source.affine.scale:.6g}; at most {MOST_SCALE:.6g}"
        )
