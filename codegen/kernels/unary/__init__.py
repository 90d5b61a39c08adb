"""The kernel of every int8 function of one int8 value."""

from __future__ import annotations

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import HardSwish, LeakyRelu, Logistic, Quantize, Relu, Tanh
from tinyml.ops.pointwise import Pointwise


def parameters(node: Node) -> Fields:
    """Fields of tml_unary besides its views."""
    op = node.op
    assert isinstance(op, Pointwise)
    return {"table": op.table(node)}


def in_place(node: Node) -> tuple[int, ...]:
    return () if node.inputs[0].is_constant else (0,)


KERNELS = tuple(
    Kernel(
        name="tml_unary_s8",
        op=op,
        struct="tml_unary",
        parameters=parameters,
        in_place=in_place,
    )
    for op in (HardSwish, LeakyRelu, Logistic, Quantize, Relu, Tanh)
)
