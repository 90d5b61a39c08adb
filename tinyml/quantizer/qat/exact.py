"""Integer arithmetic in PyTorch with the gradient of the real arithmetic it stands for (straight-through)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tinyml.ir import Activation, Array, Tensor
from tinyml.ir.requantize import INT32_MAX, activation_range
from tinyml.ops.accumulator import rescale

_EXACT_IN_FLOAT32 = 2**24


class _StraightThrough(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, estimate: torch.Tensor, exact: torch.Tensor, low: float, high: float) -> torch.Tensor:
        ctx.save_for_backward((estimate > low) & (estimate < high))
        return exact

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradient * inside, None, None, None


def straight_through(estimate: torch.Tensor, exact: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """The values of `exact`, float32, with the gradient of clamp(estimate, low, high).

    Source: Bengio et al. 2013, arXiv 1308.3432; the clamp as in Esser et al. 2020 (LSQ), arXiv 1902.08153.
    """
    value: torch.Tensor = _StraightThrough.apply(estimate, exact.to(estimate.dtype), low, high)
    return value


def limits(output: Tensor, activation: Activation = Activation.NONE) -> tuple[int, int]:
    """Least and greatest code of an int8 tensor behind an activation, zero point taken off."""
    low, high = activation_range(activation, output)
    return low - output.affine.zero_point, high - output.affine.zero_point


def summing_dtype(bound: float) -> torch.dtype:
    """In which integers of at most `bound`, and all sums on the way to them, are exact."""
    return torch.float32 if bound < _EXACT_IN_FLOAT32 else torch.float64


def rescaled(
    output: Tensor, total: torch.Tensor, multipliers: Array, shifts: Array, activation: Activation, bound: float
) -> torch.Tensor:
    """As ops.accumulator.rescale of a whole batch: int64 sums, none above `bound`, to codes without zero point."""
    if bound * 2.0 ** max(0, int(shifts.max())) >= INT32_MAX - 255:
        codes = rescale(output, total.cpu().numpy(), multipliers, shifts, activation).astype(np.int16)
        return torch.from_numpy(codes - output.affine.zero_point).to(total.device)
    return multiplied(total, multipliers, shifts).clamp_(*limits(output, activation))


def multiplied(value: torch.Tensor, multipliers: Array, shifts: Array) -> torch.Tensor:
    """As ir.requantize.multiply_by_quantized_multiplier, of int64 numbers that no shift takes out of int32.

    Multipliers are not negative. Then half-up rounding of the product and half-away rounding of the shift are an
    addition each, which takes a tenth of numpy's time.
    """
    device = value.device
    left, right = (torch.from_numpy(np.maximum(s, 0)).to(device) for s in (shifts, -shifts))
    half = (torch.ones_like(right) << right) >> 1
    result = (value << left).mul_(torch.from_numpy(multipliers).to(device)).add_(1 << 30).bitwise_right_shift_(31)
    away = (result >> 63) * (right > 0)
    return result.add_(half).add_(away).bitwise_right_shift_(right)
