"""Kernels of mul."""

from __future__ import annotations

from typing import Any

from codegen.kernels.broadcast import broadcast_fields, in_place
from codegen.kernels.dsp import SHIFTS
from codegen.kernels.fields import clamp_fields
from tinyml.ir import Node
from tinyml.kernel import INT16_TYPES, Fields, Kernel
from tinyml.ops import Mul


def parameters(node: Node) -> Fields:
    """Fields of tml_mul besides its views."""
    op = node.op
    assert isinstance(op, Mul)
    multiplier, shift = op.multiplier(node)
    return {
        "broadcast": broadcast_fields(node),
        "input0_zero_point": node.inputs[0].affine.zero_point,
        "input1_zero_point": node.inputs[1].affine.zero_point,
        "output_zero_point": node.output.affine.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        **clamp_fields(node, op.activation),
    }


def _accepts_dsp(node: Node) -> bool:
    op = node.op
    assert isinstance(op, Mul)
    return -op.multiplier(node)[1] in SHIFTS


def _accepts_mve(node: Node) -> bool:
    op = node.op
    assert isinstance(op, Mul)
    fields = broadcast_fields(node)
    return op.multiplier(node)[1] < 0 and fields["step0"] == fields["step1"] == 1


def _kernel(name: str, **kwargs: Any) -> Kernel:
    return Kernel(
        name=name,
        op=Mul,
        struct="tml_mul",
        parameters=parameters,
        views=("input0", "input1", "output"),
        in_place=in_place,
        **kwargs,
    )


KERNELS = (
    _kernel("tml_mul_s8__mve", accepts=_accepts_mve, requires=frozenset({"mve"})),
    _kernel("tml_mul_s8__dsp", accepts=_accepts_dsp, requires=frozenset({"dsp"})),
    _kernel("tml_mul_s8"),
    _kernel("tml_mul_s16", types=INT16_TYPES),
)
