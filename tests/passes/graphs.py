"""Building graphs by hand, and comparing what two of them compute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.samples import int8_samples
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, Node, Op, Quant, Tensor, verify

QUANT = Quant.per_tensor(0.05, 3)


def activation(*shape: int, quant: Quant | None = QUANT, name: str = "input", dtype: DType = DType.INT8) -> Tensor:
    return Tensor(name, shape, dtype, quant)


def real(*shape: int, name: str = "input") -> Tensor:
    return Tensor(name, shape, DType.FLOAT32)


def layer(op: Op, *inputs: Tensor, name: str = "", quant: Quant | None = None, dtype: DType | None = None) -> Node:
    """A node whose output is typed and quantized like its first input unless stated."""
    name = name or op.kind
    dtype = dtype or inputs[0].dtype
    quant = None if dtype.is_float else quant or inputs[0].quant
    shapes = op.infer(inputs)
    names = [name] if len(shapes) == 1 else [f"{name}_{index}" for index in range(len(shapes))]
    return Node(name, op, inputs, tuple(Tensor(n, s, dtype, quant) for n, s in zip(names, shapes, strict=True)))


def graph(inputs: Sequence[Tensor], nodes: Sequence[Node], outputs: Sequence[Tensor] | None = None) -> Graph:
    """A sound graph; its output is the last node's unless stated."""
    outputs = nodes[-1].outputs if outputs is None else outputs
    return verify(Graph("test", tuple(nodes), tuple(inputs), tuple(outputs)), "imported")


def weights(shape: Sequence[int], axis: int = 0, seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    scales = tuple(float(np.float32(s)) for s in rng.uniform(0.001, 0.02, shape[axis]))
    return Tensor.constant(
        "weights", rng.integers(-127, 128, shape).astype(np.int8), Quant(scales, (0,) * len(scales), axis)
    )


def kinds(checked: Graph) -> list[str]:
    return [node.op.kind for node in checked.nodes]


def assert_same_bytes(before: Graph, after: Graph, count: int = 12) -> None:
    """Both graphs are sound and give equal outputs; inputs and outputs are the same in number, type and name."""
    verify(after, "imported")
    for ours, theirs in ((before.inputs, after.inputs), (before.outputs, after.outputs)):
        assert [(t.name, t.shape, t.dtype, t.quant) for t in ours] == [
            (t.name, t.shape, t.dtype, t.quant) for t in theirs
        ]
    for sample in int8_samples(before, count):
        for wanted, got in zip(run(before, sample), run(after, sample), strict=True):
            np.testing.assert_array_equal(got, wanted)
