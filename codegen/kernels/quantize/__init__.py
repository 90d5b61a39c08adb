"""Kernels of quantize with int16 on a side; from int8 to int8 it is a table (unary)."""

from __future__ import annotations

from codegen.kernels.fields import zero_point_fields
from tinyml.ir import DType, Node
from tinyml.kernel import Fields, Kernel, Types
from tinyml.ops import Quantize


def parameters(node: Node) -> Fields:
    """Fields of tml_quantize besides its views."""
    op = node.op
    assert isinstance(op, Quantize)
    multiplier, shift = op.multiplier(node.inputs[0], node.output)
    return {**zero_point_fields(node), "multiplier": multiplier, "shift": shift}


def in_place(node: Node) -> tuple[int, ...]:
    same_size = node.inputs[0].dtype is node.output.dtype and not node.inputs[0].is_constant
    return (0,) if same_size else ()


KERNELS = tuple(
    Kernel(
        name=name,
        op=Quantize,
        struct="tml_quantize",
        parameters=parameters,
        types=Types(source, output=output),
        in_place=in_place,
    )
    for name, source, output in (
        ("tml_quantize_s8_s16", DType.INT8, DType.INT16),
        ("tml_quantize_s16_s8", DType.INT16, DType.INT8),
        ("tml_quantize_s16", DType.INT16, DType.INT16),
    )
)
