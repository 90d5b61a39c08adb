"""Kernels of mul."""

from __future__ import annotations

from codegen.kernels.broadcast import broadcast_fields, in_place
from codegen.kernels.fields import clamp_fields
from tinyml.ir import Node
from tinyml.kernel import INT16_TYPES, Fields, Kernel, Types
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


KERNELS = tuple(
    Kernel(
        name=name,
        op=Mul,
        struct="tml_mul",
        parameters=parameters,
        views=("input0", "input1", "output"),
        types=types,
        in_place=in_place,
    )
    for name, types in (("tml_mul_s8", Types()), ("tml_mul_s16", INT16_TYPES))
)
