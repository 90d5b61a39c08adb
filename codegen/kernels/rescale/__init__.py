"""Kernels of rescale."""

from __future__ import annotations

import numpy as np

from codegen.kernels.fields import clamp_fields
from tinyml.ir import DType, Node
from tinyml.kernel import Fields, Kernel, Types
from tinyml.ops import Rescale


def parameters(node: Node) -> Fields:
    """Fields of tml_rescale_channels besides its views."""
    op = node.op
    assert isinstance(op, Rescale)
    multipliers, shifts = op.multipliers(node)
    return {
        "output_zero_point": node.output.affine.zero_point,
        **clamp_fields(node, op.activation),
        "multiplier": np.array(multipliers, np.int32),
        "shift": np.array(shifts, np.int32),
    }


KERNELS = (
    Kernel(
        name="tml_rescale_s8",
        op=Rescale,
        struct="tml_rescale_channels",
        parameters=parameters,
        types=Types(operand=DType.INT32),
    ),
)
