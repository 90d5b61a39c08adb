"""Kernels of log_softmax."""

from __future__ import annotations

from codegen.kernels.fields import in_place
from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import LogSoftmax


def parameters(node: Node) -> Fields:
    """Fields of tml_log_softmax besides its views."""
    op, (source,) = node.op, node.inputs
    assert isinstance(op, LogSoftmax)
    forward, backward, least = op.scaling(source)
    table = op.exp_table(source)
    return {
        "exp_count": len(table),
        "exp_table": table,
        "multiplier": forward[0],
        "shift": forward[1],
        "back_multiplier": backward[0],
        "back_shift": backward[1],
        "least": least,
    }


KERNELS = (
    Kernel(
        name="tml_log_softmax_s8",
        op=LogSoftmax,
        struct="tml_log_softmax",
        parameters=parameters,
        in_place=in_place,
    ),
)
