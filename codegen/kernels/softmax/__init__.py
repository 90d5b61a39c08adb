"""Kernels of softmax."""

from __future__ import annotations

import numpy as np

from codegen.kernels.fields import MOST_INT16, in_place
from tinyml.ir import Node
from tinyml.ir.lookup import exp_table, reciprocal_table
from tinyml.kernel import INT16_TYPES, Fields, Kernel
from tinyml.ops import Softmax


def parameters(node: Node) -> Fields:
    """Fields of tml_softmax besides its views."""
    op = node.op
    assert isinstance(op, Softmax)
    table = op.exp_table(node.inputs[0])
    return {"exp_count": len(table), "exp_table": table}


def wide_parameters(node: Node) -> Fields:
    """Fields of tml_softmax_wide besides its views."""
    op = node.op
    assert isinstance(op, Softmax)
    multiplier, shift = op.scaling_int16(node.inputs[0])
    return {
        "multiplier": multiplier,
        "shift": shift,
        "exp_table": exp_table().astype(np.int16),
        "reciprocal_table": reciprocal_table().astype(np.int16),
    }


def _sum_fits(node: Node) -> bool:
    """Whether an int32 holds the sum of a line's exponentials."""
    return node.output.shape[-1] < MOST_INT16


KERNELS = (
    Kernel(name="tml_softmax_s8", op=Softmax, struct="tml_softmax", parameters=parameters, in_place=in_place),
    Kernel(
        name="tml_softmax_s16",
        op=Softmax,
        struct="tml_softmax_wide",
        parameters=wide_parameters,
        types=INT16_TYPES,
        accepts=_sum_fits,
        in_place=in_place,
    ),
)
