"""Kernels of add and sub, preferred first."""

from __future__ import annotations

from codegen.kernels.broadcast import in_place, rescaled_fields
from codegen.kernels.dsp import SHIFTS
from codegen.kernels.fields import clamp_fields
from tinyml.ir import Node, Op
from tinyml.kernel import INT16_TYPES, Fields, Kernel, Types
from tinyml.ops import Add, Sub
from tinyml.ops.add import sum_multipliers


def parameters(node: Node) -> Fields:
    """Fields of tml_add besides its views."""
    op = node.op
    assert isinstance(op, (Add, Sub))
    return {
        **rescaled_fields(node, sum_multipliers(node)),
        "subtract": int(isinstance(op, Sub)),
        **clamp_fields(node, op.activation),
    }


def flat_parameters(node: Node) -> Fields:
    """Fields of tml_add_flat besides its views."""
    scaled, (multiplier, shift) = _scaled_fields(node), sum_multipliers(node).output
    return {
        **scaled,
        "factor": 2 * scaled["factor"],
        "offset": 2 * scaled["offset"],
        "half": 1 << (-scaled["shift"] - 1),
        "shift": -scaled["shift"],
        "output_multiplier": multiplier,
        "output_offset": (2 * node.output.affine.zero_point + 1) << (-shift - 1),
        "output_shift": -shift,
        **_clamp_fields(node),
    }


def lanes_parameters(node: Node) -> Fields:
    """Fields of tml_add_lanes besides its views."""
    multiplier, shift = sum_multipliers(node).output
    return {
        **_scaled_fields(node),
        "output_multiplier": multiplier,
        "output_shift": shift,
        "output_zero_point": node.output.affine.zero_point,
        **_clamp_fields(node),
    }


EXACT = 2**30, 0  # (multiplier, shift) of the operand of the larger scale: a half


def _scaled_fields(node: Node) -> dict[str, int]:
    """Which operand is the exact one, and how the other is rescaled; shift: to the left, below 0."""
    multipliers = sum_multipliers(node)
    exact = int(multipliers.input0 != EXACT)
    multiplier, shift = multipliers.input0 if exact else multipliers.input1
    zero_points = [operand.affine.zero_point for operand in node.inputs]
    factor = 2**20 if shift else 2**21
    return {
        "exact": exact,
        "factor": factor,
        "offset": -factor * zero_points[1 - exact],
        "multiplier": multiplier,
        "shift": shift or -1,
        "exact_offset": -(2**19) * zero_points[exact],
    }


def _clamp_fields(node: Node) -> Fields:
    assert isinstance(node.op, Add)
    return clamp_fields(node, node.op.activation)


def _accepts_lanes(node: Node) -> bool:
    if node.inputs[0].shape != node.inputs[1].shape:
        return False
    multipliers = sum_multipliers(node)
    operands = (multipliers.input0, multipliers.input1)
    shifts = all(pair == EXACT or pair[1] < 0 for pair in operands)
    return EXACT in operands and shifts and multipliers.output[1] < 0


def _accepts_flat(node: Node) -> bool:
    if node.inputs[0].shape != node.inputs[1].shape:
        return False
    multipliers = sum_multipliers(node)
    operands = (multipliers.input0, multipliers.input1)
    shifts = all(pair == EXACT or -pair[1] in SHIFTS for pair in operands)
    return EXACT in operands and shifts and -multipliers.output[1] in SHIFTS


def _portable(name: str, types: Types, op: type[Op]) -> Kernel:
    return Kernel(
        name=name,
        op=op,
        struct="tml_add",
        parameters=parameters,
        types=types,
        views=("input0", "input1", "output"),
        in_place=in_place,
    )


KERNELS = (
    Kernel(
        name="tml_add_flat_s8__mve",
        op=Add,
        struct="tml_add_lanes",
        parameters=lanes_parameters,
        views=("input0", "input1", "output"),
        accepts=_accepts_lanes,
        requires=frozenset({"mve"}),
        in_place=in_place,
    ),
    Kernel(
        name="tml_add_flat_s8__dsp",
        op=Add,
        struct="tml_add_flat",
        parameters=flat_parameters,
        views=("input0", "input1", "output"),
        accepts=_accepts_flat,
        requires=frozenset({"dsp"}),
        in_place=in_place,
    ),
    *(_portable("tml_add_s8", Types(), op) for op in (Add, Sub)),
    *(_portable("tml_add_s16", INT16_TYPES, op) for op in (Add, Sub)),
)
