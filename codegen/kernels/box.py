"""The tml_box that pad, transpose and strided_slice hand to their whole-tensor kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyml.kernel import Fields

# twin of TML_BOX_AXES in codegen/include/tml_box.h
MAX_AXES = 8


def steps(shape: Sequence[int]) -> list[int]:
    """Distance in elements between neighbours along each axis of a tensor laid out flat."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def box_fields(
    size: Sequence[int],
    input_step: Sequence[int],
    output_step: Sequence[int],
    input_start: int = 0,
    output_start: int = 0,
    unit: int = 1,
) -> Fields:
    """Fields of tml_box for a box of `size`, in as few axes as describe it. unit: bytes of a value."""
    axes = merged_axes(size, input_step, output_step, unit)
    columns = [np.array(column, np.int32) for column in zip(*axes, strict=True)]
    return {
        "axes": len(axes),
        "input_start": unit * input_start,
        "output_start": unit * output_start,
        **dict(zip(("size", "input_step", "output_step"), columns, strict=True)),
    }


def merged_axes(
    size: Sequence[int], input_step: Sequence[int], output_step: Sequence[int], unit: int = 1
) -> list[tuple[int, int, int]]:
    """(size, input step, output step) per axis, at least one; sides of 1 dropped, axes that run on joined.

    The steps that come out are in bytes; those of values of several bytes are one more axis.
    """
    size = (*size, unit)
    input_step, output_step = ((*(unit * step for step in given), 1) for given in (input_step, output_step))
    axes: list[tuple[int, int, int]] = []
    for count, step_in, step_out in zip(size, input_step, output_step, strict=True):
        if count == 1:
            continue
        if axes and axes[-1][1:] == (step_in * count, step_out * count):
            axes[-1] = (axes[-1][0] * count, step_in, step_out)
        else:
            axes.append((count, step_in, step_out))
    return axes or [(1, 1, 1)]
