"""Random one-node graphs of products of two tensors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.op_graphs import Rng, activation, one_node, quant, side
from tinyml.ir import Graph, Shape, Tensor
from tinyml.ops import BatchMatMul


def batch_matmul(rng: Rng) -> Graph:
    """Leading sides that broadcast; either operand transposed; sometimes a constant one."""
    op = BatchMatMul(bool(rng.random() < 0.4), bool(rng.random() < 0.4))
    rows, depth, columns = side(rng, 9), side(rng, 40), side(rng, 9)
    batch = tuple(side(rng, 4) for _ in range(int(rng.integers(0, 4))))
    batch = (1, *batch[1:]) if rng.random() < 0.6 else batch
    first = _part(rng, batch) + ((depth, rows) if op.adjoint0 else (rows, depth))
    second = _part(rng, batch) + ((columns, depth) if op.adjoint1 else (depth, columns))
    operands = [activation(rng, "first", first), activation(rng, "second", second)]
    constant = rng.random()
    if constant < 0.2:
        at = int(constant < 0.1)
        values = rng.integers(-128, 128, operands[at].shape).astype(np.int8)
        operands[at] = Tensor.constant("constant", values, operands[at].affine)
    return one_node(op, operands, [quant(rng)])


def _part(rng: Rng, batch: Shape) -> Shape:
    """Leading sides that broadcast to the batch."""
    kept = tuple(1 if rng.random() < 0.2 else side for side in batch)
    return kept[int(rng.integers(0, len(kept) + 1)) :] if rng.random() < 0.3 else kept


CASES: dict[str, Callable[[Rng], Graph]] = {"batch_matmul": batch_matmul}
