"""Kernels of batch_matmul."""

from __future__ import annotations

import math

from codegen.kernels.broadcast import arrays, collapse, row_step
from tinyml.ir import Node, Shape, Tensor
from tinyml.kernel import Fields, Kernel
from tinyml.ops import BatchMatMul


def parameters(node: Node) -> Fields:
    """Fields of tml_batch_matmul besides its views."""
    op, (first, second) = node.op, node.inputs
    assert isinstance(op, BatchMatMul)
    multiplier, shift = op.multiplier(node)
    return {
        "batch": _batch_fields(node),
        "rows": node.output.shape[-2],
        "depth": op.depth(node),
        "row_step0": 1 if op.adjoint0 else first.shape[-1],
        "depth_step0": first.shape[-1] if op.adjoint0 else 1,
        "depth_step1": 1 if op.adjoint1 else second.shape[-1],
        "column_step1": second.shape[-1] if op.adjoint1 else 1,
        "input0_zero_point": first.affine.zero_point,
        "input1_zero_point": second.affine.zero_point,
        "output_zero_point": node.output.affine.zero_point,
        "multiplier": multiplier,
        "shift": shift,
    }


def _batch_fields(node: Node) -> Fields:
    output, (first, second) = node.output, node.inputs
    by_rows = output.hwc[0] > 1
    batch = () if by_rows else output.shape[:-2]
    sides = collapse(batch, *(_leading(operand, len(batch)) for operand in node.inputs))
    sizes = [math.prod(operand.shape[-2:]) for operand in node.inputs]
    return {
        "row_step0": row_step(first, output) if by_rows else 0,
        "row_step1": row_step(second, output) if by_rows else 0,
        "length": output.shape[-1],
        "lines": math.prod(side.turns for side in sides),
        **arrays(sides, *sizes),
    }


def _leading(operand: Tensor, count: int) -> Shape:
    """The operand's leading sides, as many as the output has."""
    leading = operand.shape[:-2] if count else ()
    return (1,) * (count - len(leading)) + leading


KERNELS = (
    Kernel(
        name="tml_batch_matmul_s8",
        op=BatchMatMul,
        struct="tml_batch_matmul",
        parameters=parameters,
        views=("input0", "input1", "output"),
    ),
)
