"""Kernels of concatenation, most specific first, reference last."""

from __future__ import annotations

import math

import numpy as np

from tinyml.ir import Node
from tinyml.kernel import Fields, Kernel
from tinyml.ops import Concatenation


def parameters(node: Node) -> Fields:
    """Fields of tml_concatenation besides its views."""
    op = node.op
    assert isinstance(op, Concatenation)
    shape = node.output.shape
    by_rows = op.is_image(node)
    stacked = by_rows and op.axis <= 1  # a batch of one is a single image: its rows
    unit = node.output.dtype.size_bytes
    inner = [unit * math.prod(tensor.shape[2 if stacked else op.axis :]) for tensor in node.inputs]
    ends = np.cumsum(inner)
    return {
        "repeats": math.prod(shape[2 : op.axis]) if by_rows else math.prod(shape[: op.axis]),
        "stride": inner[0] if stacked else int(ends[-1]),
        "chunk": np.array(inner, np.int32),
        "offset": np.zeros(len(inner), np.int32) if stacked else (ends - inner).astype(np.int32),
        "first_row": np.array(op.first_rows(node), np.int32),
    }


KERNELS = (
    Kernel(
        name="tml_concatenation_s8",
        op=Concatenation,
        struct="tml_concatenation",
        parameters=parameters,
        views=("inputs", "output"),
        variadic_inputs=True,
        moves_bytes=True,
    ),
)
