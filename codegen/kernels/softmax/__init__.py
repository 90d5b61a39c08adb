"""Kernels of softmax."""

from __future__ import annotations

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Softmax


def parameters(node: Node) -> Fields:
    """Fields of tml_softmax besides its views."""
    op = node.op
    assert isinstance(op, Softmax)
    table = op.exp_table(node.inputs[0])
    return {"exp_count": len(table), "exp_table": table}


def in_place(node: Node) -> tuple[int, ...]:
    return () if node.inputs[0].is_constant else (0,)


KERNELS = (Kernel(name="tml_softmax_s8", op=Softmax, struct="tml_softmax", parameters=parameters, in_place=in_place),)
