from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, layer, weights
from tinyml.ir import Array, Graph, Node, Op, Padding, Quant, Tensor
from tinyml.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Reshape,
    TransposeConv,
)
from tinyml.passes import merge_duplicate_channels

SAME = Padding(1, 1, 1, 1)


def picked(tensor: Tensor, order: Sequence[int], axis: int) -> Tensor:
    """A constant made of the slices `order` along its axis, scales with them."""
    data = np.ascontiguousarray(np.take(tensor.values, order, axis))
    quant = tensor.affine
    if quant.is_per_channel:
        quant = replace(quant, scales=tuple(quant.scales[i] for i in order), zero_points=(0,) * len(order))
    return Tensor(tensor.name, data.shape, tensor.dtype, quant, data)


def small(shape: Sequence[int], axis: int = 0, seed: int = 0) -> Tensor:
    """Weights of which three add up within int8."""
    drawn = weights(shape, axis, seed)
    return Tensor("weights", drawn.shape, drawn.dtype, drawn.quant, np.asarray(drawn.values // 4, np.int8))


def first_layer(x: Tensor, order: Sequence[int], name: str = "first") -> Node:
    """A convolution whose channel m is number order[m] of a drawn one."""
    bias = np.arange(10, dtype=np.int32) * 40
    biases = Tensor.constant("bias", bias[list(order)], Quant((0.001,) * len(order), (0,) * len(order), 0))
    kernel = picked(weights((10, 2, 2, x.shape[3])), order, 0)
    return layer(Conv2D(padding=SAME), x, kernel, biases, name=name, quant=Quant.per_tensor(0.4, 7))


def merged(before: Graph) -> dict[str, int]:
    after = merge_duplicate_channels(before)
    assert_same_bytes(before, after, 20)
    return {node.name: node.output.shape[-1] for node in after.nodes}


def before_layer(op: Op, constants: Sequence[Tensor], order: Sequence[int]) -> Graph:
    x = activation(1, 5, 4, 3)
    first = first_layer(x, order)
    return graph([x], [first, layer(op, first.output, *constants, name="last", quant=QUANT)])


@pytest.mark.parametrize(
    ("op", "constants"),
    [
        (Conv2D(padding=SAME, stride_w=2), small((2, 3, 3, 4))),
        (FullyConnected(keep_num_dims=True), small((2, 4))),
        (FullyConnected(), small((2, 6 * 5 * 4))),
        (FullyConnected(), Tensor.constant("w", small((2, 4)).values, Quant.per_tensor(0.01, 9))),
        (TransposeConv(2, 2), small((2, 3, 3, 4))),
    ],
)
def test_equal_filters_become_one(op: Op, constants: Tensor) -> None:
    assert merged(before_layer(op, [constants], [0, 1, 0, 0]))["first"] == 2


def wide(*columns: int) -> Tensor:
    """One output, its weights as stated."""
    return Tensor.constant("weights", np.array(columns, np.int8).reshape(1, 1, 1, -1), Quant.per_tensor(0.01))


@pytest.mark.parametrize(
    ("columns", "left"), [((100, 5, 27), 2), ((100, 5, 28), 3), ((-100, 5, -27), 2), ((-100, 5, -28), 3)]
)
def test_the_sum_must_be_an_int8(columns: tuple[int, ...], left: int) -> None:
    assert merged(before_layer(Conv2D(), [wide(*columns)], [0, 1, 0]))["first"] == left


def test_sums_of_three_go_as_far_as_they_fit() -> None:
    assert merged(before_layer(Conv2D(), [wide(100, 20, 20, 5)], [0, 0, 0, 0]))["first"] == 2


def test_weights_with_a_zero_point_add_what_is_above_it() -> None:
    quant = Quant.per_tensor(0.01, 100)
    fits = Tensor.constant("w", np.array([[60, 70, 12]], np.int8), quant)  # 60 + 12 - 100 = -28
    assert merged(before_layer(FullyConnected(keep_num_dims=True), [fits], [0, 1, 0]))["first"] == 2
    below = Tensor.constant("w", np.array([[-20, 70, -9]], np.int8), quant)  # -129
    assert merged(before_layer(FullyConnected(keep_num_dims=True), [below], [0, 1, 0]))["first"] == 3


@pytest.mark.parametrize("which", ["weights", "bias", "scale"])
def test_all_of_a_filter_must_be_equal(which: str) -> None:
    before = before_layer(Conv2D(), [small((2, 1, 1, 2))], [0, 0])
    kernel, bias = before.nodes[0].inputs[1:]
    if which == "weights":
        data: Array = np.array(kernel.values)
        data[1, 0, 0, 0] ^= 1
        kernel = Tensor("weights", kernel.shape, kernel.dtype, kernel.quant, data)
    elif which == "bias":
        bias = Tensor("bias", bias.shape, bias.dtype, bias.quant, bias.values + np.array([0, 1], np.int32))
    else:
        kernel = replace(kernel, quant=Quant((0.01, 0.011), (0, 0), 0))
    first = replace(before.nodes[0], inputs=(before.inputs[0], kernel, bias))
    assert merged(graph(before.inputs, [first, before.nodes[1]]))["first"] == 2


def through_depthwise(order: Sequence[int], multiplier: int = 1) -> Graph:
    x = activation(1, 5, 4, 3)
    first = first_layer(x, [0, 1, 0])
    kernel = picked(weights((1, 3, 3, 9), axis=3), order, 3)
    deep = layer(DepthwiseConv2D(padding=SAME), first.output, kernel, name="deep", quant=QUANT)
    last = layer(Conv2D(), deep.output, small((2, 2, 2, 3 * multiplier)), name="last", quant=QUANT)
    return graph([x], [first, deep, last])


def test_through_a_depthwise_layer_of_equal_filters() -> None:
    assert merged(through_depthwise([4, 5, 4])) == {"first": 2, "deep": 2, "last": 2}
    assert merged(through_depthwise([4, 5, 6, 7, 4, 5], 2)) == {"first": 2, "deep": 4, "last": 2}


@pytest.mark.parametrize(("order", "multiplier"), [([4, 5, 6], 1), ([4, 4, 5], 1), ([4, 5, 6, 7, 4, 8], 2)])
def test_a_depthwise_layer_of_other_filters_stays(order: list[int], multiplier: int) -> None:
    before = through_depthwise(order, multiplier)
    assert merge_duplicate_channels(before) is before


def sums(order: Sequence[int], constant: Sequence[int] = ()) -> Graph:
    x = activation(1, 5, 4, 3)
    one = first_layer(x, [0, 1, 0, 1], "one")
    two = first_layer(x, order, "two")
    row = Tensor.constant("row", np.array([[[constant]]], np.int8), QUANT) if constant else two.output
    add = layer(Add(), one.output, row, quant=QUANT)
    pool = layer(AveragePool2D(2, 2), add.output, name="pool")
    flat = layer(Reshape((1, pool.output.size)), pool.output, name="flat")
    last = layer(FullyConnected(), flat.output, small((2, pool.output.size)), name="last", quant=QUANT)
    return graph([x], [one, *([] if constant else [two]), add, pool, flat, last])


def test_a_sum_of_equals_is_equal() -> None:
    assert merged(sums([5, 6, 5, 7])) == {"one": 3, "two": 3, "add": 3, "pool": 3, "flat": 60, "last": 2}
    assert merged(sums([], [3, 4, 3, 5]))["add"] == 3


def test_a_sum_with_others_is_not() -> None:
    before = sums([5, 6, 7, 8])
    assert merge_duplicate_channels(before) is before


def test_operands_of_a_concatenation() -> None:
    x = activation(1, 5, 4, 3)
    one, two = first_layer(x, [0, 1, 0], "one"), first_layer(x, [0, 3, 3], "two")
    both = layer(Concatenation(3), one.output, two.output, name="both")
    last = layer(Conv2D(), both.output, small((2, 1, 1, 6)), name="last", quant=QUANT)
    assert merged(graph([x], [one, two, both, last])) == {"one": 2, "two": 2, "both": 4, "last": 2}


def test_a_reader_that_needs_both_keeps_both() -> None:
    before = before_layer(Conv2D(), [small((2, 1, 1, 2))], [0, 0])
    first, last = before.nodes
    seen = graph(before.inputs, [first, last], [last.output, first.output])
    assert merge_duplicate_channels(seen) is seen
