"""All passes over random chains and branches of the ops they rewrite: every output keeps its bytes.

`TINYML_TEST_GRAPHS=2000 pytest tests/passes/test_random_graphs.py` runs more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.op_graphs import Rng, quant
from tests.passes.graphs import activation, assert_same_bytes, layer, weights
from tinyml.ir import Activation, DType, Graph, Node, Quant, Tensor, graph_text, verify
from tinyml.ops import (
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    MaxPool2D,
    Mean,
    Pad,
    Quantize,
    Relu,
    Reshape,
    Split,
    Transpose,
)
from tinyml.passes import PASSES, optimize

COUNT = int(os.environ.get("TINYML_TEST_GRAPHS", "150"))

Step = Callable[[Rng, Tensor, str], list[Node]]


def _same_or_new(rng: Rng, x: Tensor) -> Quant:
    return x.affine if rng.random() < 0.7 else quant(rng)


def _pad(rng: Rng, x: Tensor, name: str) -> list[Node]:
    rank = len(x.shape)
    spatial = [int(rank == 4 and axis in (1, 2)) or int(rng.random() < 0.1) for axis in range(rank)]
    before, after = (tuple(int(side) for side in rng.integers(0, 3, rank) * spatial) for _ in range(2))
    value = -128 if rng.random() < 0.3 else None
    return [layer(Pad(before, after, value), x, name=name, quant=_same_or_new(rng, x))]


def _reshape(rng: Rng, x: Tensor, name: str) -> list[Node]:
    shapes = [x.shape, (x.size,), (1, x.size), tuple(int(side) for side in rng.permutation(x.shape))]
    return [layer(Reshape(shapes[int(rng.integers(4))]), x, name=name, quant=_same_or_new(rng, x))]


def _transpose(rng: Rng, x: Tensor, name: str) -> list[Node]:
    order = [(0, 3, 1, 2), (0, 2, 3, 1)] if len(x.shape) == 4 and rng.random() < 0.6 else []
    order = order or [tuple(int(axis) for axis in rng.permutation(len(x.shape)))]
    return [layer(Transpose(order[int(rng.integers(len(order)))]), x, name=name)]


def _mean(rng: Rng, x: Tensor, name: str) -> list[Node]:
    axes = tuple(int(axis) for axis in rng.integers(0, len(x.shape), int(rng.integers(1, 3))))
    keep_dims = len(x.shape) == 1 or bool(rng.random() < 0.5)
    node = layer(Mean(axes, keep_dims), x, name=name, quant=_same_or_new(rng, x))
    return [node] if node.output.shape else []


def _quantize(rng: Rng, x: Tensor, name: str) -> list[Node]:
    if rng.random() < 0.7:
        return [layer(Quantize(), x, name=name, quant=_same_or_new(rng, x))]
    real = layer(Dequantize(), x, name=f"{name}_real", dtype=DType.FLOAT32)
    return [real, layer(Quantize(), real.output, name=name, dtype=DType.INT8, quant=_same_or_new(rng, x))]


def _relu(rng: Rng, x: Tensor, name: str) -> list[Node]:
    kind = (Activation.RELU, Activation.RELU6)[int(rng.integers(2))]
    return [layer(Relu(kind), x, name=name, quant=_same_or_new(rng, x))]


def _window(rng: Rng, x: Tensor, name: str) -> list[Node]:
    if len(x.shape) != 4 or x.shape[0] != 1 or min(x.shape[1:3]) < 2:
        return []
    channels = x.shape[3]
    if rng.random() < 0.3:
        return [layer(MaxPool2D(2, 2, 2, 1), x, name=name)]
    if rng.random() < 0.5:
        return [layer(Conv2D(), x, weights((3, 2, 2, channels)), name=name, quant=quant(rng))]
    return [layer(DepthwiseConv2D(), x, weights((1, 2, 2, channels), axis=3), name=name, quant=quant(rng))]


def _join(rng: Rng, x: Tensor, name: str) -> list[Node]:
    axis = int(rng.integers(len(x.shape)))
    if x.shape[axis] % 2:
        return [layer(Concatenation(axis), x, x, name=name)]
    split = layer(Split(axis, 2), x, name=name)
    return [split, layer(Concatenation(axis), *split.outputs[::-1], name=f"{name}_swapped")]


STEPS: tuple[Step, ...] = (_pad, _reshape, _transpose, _mean, _quantize, _relu, _window, _window, _join)


def random_graph(rng: Rng) -> Graph:
    shape = tuple(int(side) for side in rng.integers(1, 6, 3))
    tensors = [activation(1, *shape, quant=quant(rng))]
    nodes: list[Node] = []
    for number in range(int(rng.integers(2, 9))):
        # mostly a chain, sometimes a branch
        source = tensors[-1] if rng.random() < 0.85 else tensors[int(rng.integers(len(tensors)))]
        step = STEPS[int(rng.integers(len(STEPS)))]
        made = step(rng, source, f"n{number}") if source.size < 3000 else []
        nodes += made
        tensors += [tensor for node in made for tensor in node.outputs if tensor.dtype is DType.INT8]
    outputs = [tensors[-1], *(t for t in tensors[1:-1] if rng.random() < 0.1)]
    return verify(Graph("random", tuple(nodes), tuple(tensors[:1]), tuple(dict.fromkeys(outputs))), "imported")


def graphs() -> Iterator[Graph]:
    for seed in range(COUNT):
        yield random_graph(np.random.default_rng(seed))


def test_all_passes_keep_the_bytes() -> None:
    changed = 0
    for before in graphs():
        after = optimize(before)
        changed += after is not before
        _check(before, after)
    assert changed > COUNT // 3


@pytest.mark.parametrize("step", PASSES, ids=lambda step: step.__name__)
def test_each_pass_keeps_the_bytes(step: Callable[[Graph], Graph]) -> None:
    for before in graphs():
        after = step(before)
        if after is not before:
            _check(before, after)


def _check(before: Graph, after: Graph) -> None:
    try:
        assert_same_bytes(before, after, 5)
    except AssertionError as error:
        raise AssertionError(f"{graph_text(before)}\nbecame\n{graph_text(after)}") from error
