"""Random int8 graphs of what transformers and embeddings are made of: products of two tensors, maxima, squared
differences, roots, unit vectors, log-softmax and functions by table, among the other steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.graph_growth import GraphGrowth, Misfit, Outputs, Step
from tests.random_graphs import STEPS, Rng
from tinyml.ir import Activation, Array, Graph, Op, Tensor, verify
from tinyml.ops import (
    Abs,
    BatchMatMul,
    Elementary,
    Elu,
    L2Normalization,
    LogSoftmax,
    Maximum,
    Minimum,
    Relu,
    Reshape,
    Rsqrt,
    SquaredDifference,
)


def product(g: GraphGrowth, x: Tensor) -> Outputs:
    """With another tensor, with itself turned around, or with a constant."""
    if len(x.shape) < 3:
        raise Misfit
    partners = [t for t in g.live if len(t.shape) == len(x.shape) and t.shape[:-2] == x.shape[:-2]]
    for other in (partners[int(at)] for at in g.rng.permutation(len(partners))):
        for op in (BatchMatMul(), BatchMatMul(adjoint1=True), BatchMatMul(adjoint0=True)):
            depth = x.shape[-2] if op.adjoint0 else x.shape[-1]
            if other.shape[-1 if op.adjoint1 else -2] == depth and g.rng.random() < 0.6:
                return g.apply(op, x, other)
    columns = int(g.rng.integers(1, 9))
    data = g.rng.integers(-128, 128, (x.shape[-1], columns)).astype(np.int8)
    return g.apply(BatchMatMul(), x, g.constant("matrix", data, g.fit(-0.4, 0.3)))


def compared(g: GraphGrowth, x: Tensor) -> Outputs:
    op = (Maximum(), Minimum())[int(g.rng.integers(2))]
    partners = [t for t in g.live if t.shape == x.shape and t is not x]
    if partners:
        return g.apply(op, x, g.requantized(g.pick(partners), x.affine))
    data = g.rng.integers(-128, 128, x.shape[-1:]).astype(np.int8)
    return g.apply(op, x, g.constant("bound", data, x.affine))


def squared(g: GraphGrowth, x: Tensor) -> Outputs:
    partners = [t for t in g.live if t.shape == x.shape and t is not x] or [x]
    return g.apply(SquaredDifference(), x, g.pick(partners))


def table(g: GraphGrowth, x: Tensor) -> Outputs:
    ops: tuple[Op, ...] = (Abs(), Elu(), Elementary("NEG"), Elementary("SIN"), Elementary("SQUARE"))
    return g.apply(ops[int(g.rng.integers(len(ops)))], x)


def root(g: GraphGrowth, x: Tensor) -> Outputs:
    """Of what a rectifier leaves, quantized from 0 on."""
    (positive,) = g.apply(Relu(Activation.RELU), x)
    if positive.affine.zero_point != -128 or any((value == -128).all() for value in g.values[positive]):
        raise Misfit
    (square,) = g.apply(SquaredDifference(), positive, g.constant("one", np.full(1, 127, np.int8), g.fit(0, 1)))
    if square.affine.zero_point != -128:
        raise Misfit
    quant = g.fit(0.0, 1 / float(np.sqrt(square.affine.scale)))
    return g.put(Rsqrt(), quant, square)


def along_the_last_axis(g: GraphGrowth, x: Tensor) -> Outputs:
    if x.shape[-1] >= 512 or len(x.shape) > 4:
        raise Misfit
    return g.apply((LogSoftmax(), L2Normalization())[int(g.rng.integers(2))], x)


def sequence(g: GraphGrowth, x: Tensor) -> Outputs:
    """An image as steps of its channels."""
    if len(x.shape) != 4:
        raise Misfit
    return g.apply(Reshape((1, x.shape[1] * x.shape[2], x.shape[3])), x)


NEW: tuple[tuple[Step, float], ...] = (
    (product, 6),
    (compared, 4),
    (squared, 3),
    (table, 4),
    (root, 3),
    (along_the_last_axis, 2),
    (sequence, 3),
)


def sequence_graphs(seed: int, count: int) -> Iterator[Graph]:
    """Graphs of 3 to 10 steps, half of them of the ops above; the i-th depends on the seed and i alone."""
    steps = tuple(step for step, _ in (*NEW, *STEPS))
    new, old = (sum(share for _, share in part) for part in (NEW, STEPS))
    weights = np.array([*(share / new for _, share in NEW), *(share / old for _, share in STEPS)]) / 2
    for index in range(count):
        yield _graph(np.random.default_rng([seed, index]), f"sequence_{seed}_{index}", steps, weights)


def _graph(rng: Rng, name: str, steps: tuple[Step, ...], weights: Array) -> Graph:
    g = GraphGrowth(rng)
    wanted = int(rng.integers(3, 10))
    while len(g.nodes) < wanted or any(tensor in g.unread for tensor in g.inputs):
        untouched = [tensor for tensor in g.inputs if tensor in g.unread]
        operand = g.pick(untouched) if len(g.nodes) >= wanted else g.next_operand()
        g.take(steps[int(rng.choice(len(steps), p=weights))], operand)
    return verify(Graph(name, tuple(g.nodes), tuple(g.inputs), tuple(g.unread)), "int8")
