"""How the operands of a broadcasting op are walked: the fields of tml_broadcast."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from tinyml.ir import Array, Node, Shape, Tensor
from tinyml.kernel import Fields
from tinyml.ops.broadcast import Multipliers


class Side(NamedTuple):
    """A loop: how often it runs, and how far each operand moves per turn."""

    turns: int
    stride0: int
    stride1: int


def broadcast_fields(node: Node) -> Fields:
    """Fields of the tml_broadcast of a node with two operands."""
    output, (first, second) = node.output, node.inputs
    # an output of one row is walked whole: only then may its sides differ from an image's
    by_rows = output.hwc[0] > 1
    row = output.shape[2:] if by_rows else output.shape
    sides = collapse(row, _aligned(first, output)[-len(row) :], _aligned(second, output)[-len(row) :])
    line, outer = sides[0], sides[1:]
    unit = output.dtype.size_bytes
    return {
        "row_step0": row_step(first, output) if by_rows else 0,
        "row_step1": row_step(second, output) if by_rows else 0,
        "length": line.turns,
        "step0": unit * line.stride0,
        "step1": unit * line.stride1,
        "lines": math.prod(side.turns for side in outer),
        **arrays(outer, unit, unit),
    }


def rescaled_fields(node: Node, multipliers: Multipliers) -> Fields:
    """Fields of a node with two operands on a common scale, and an output that is rescaled from there."""
    return {
        "broadcast": broadcast_fields(node),
        "input0_zero_point": node.inputs[0].affine.zero_point,
        "input0_multiplier": multipliers.input0[0],
        "input0_shift": multipliers.input0[1],
        "input1_zero_point": node.inputs[1].affine.zero_point,
        "input1_multiplier": multipliers.input1[0],
        "input1_shift": multipliers.input1[1],
        "output_zero_point": node.output.affine.zero_point,
        "output_multiplier": multipliers.output[0],
        "output_shift": multipliers.output[1],
    }


def arrays(sides: Sequence[Side], unit0: int, unit1: int) -> Fields:
    """Fields of tml_broadcast for the loops around a line. units: bytes per step of an operand."""
    return {
        "side_count": len(sides),
        "side": _array(side.turns for side in sides),
        "stride0": _array(unit0 * side.stride0 for side in sides),
        "stride1": _array(unit1 * side.stride1 for side in sides),
    }


def collapse(shape: Shape, first: Shape, second: Shape) -> list[Side]:
    """The fewest loops over `shape`, innermost first, for operands of equal rank whose sides are those of it or 1."""
    sides: list[Side] = []
    step0 = step1 = 1
    for turns, side0, side1 in zip(reversed(shape), reversed(first), reversed(second), strict=True):
        if turns == 1:
            continue
        side = Side(turns, step0 if side0 > 1 else 0, step1 if side1 > 1 else 0)
        if sides and side[1:] == (sides[-1].stride0 * sides[-1].turns, sides[-1].stride1 * sides[-1].turns):
            sides[-1] = sides[-1]._replace(turns=sides[-1].turns * turns)
        else:
            sides.append(side)
        step0, step1 = step0 * side0, step1 * side1
    return sides or [Side(1, 0, 0)]


def in_place(node: Node) -> tuple[int, ...]:
    """Operands laid out exactly as the output: each value is read before the output's value takes its place."""
    return tuple(index for index, t in enumerate(node.operands) if not t.is_constant and t.hwc == node.output.hwc)


def _aligned(operand: Tensor, output: Tensor) -> Shape:
    """The operand's shape with sides of 1 in front, as many as the output has sides."""
    return (1,) * (len(output.shape) - len(operand.shape)) + operand.shape


def row_step(operand: Tensor, output: Tensor) -> int:
    """Bytes between the rows of an image in an operand that is held as one row ([H, W, C])."""
    _, height, width, channels = _aligned(operand, output)
    return width * channels * operand.dtype.size_bytes if height > 1 and operand.hwc[0] == 1 else 0


def _array(values: Iterable[int]) -> Array | None:
    numbers = np.fromiter(values, np.int32)
    return numbers if numbers.size else None
