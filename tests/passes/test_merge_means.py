from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, kinds, layer, real
from tinyml.interpreter import run
from tinyml.ir import Graph, Quant
from tinyml.ops import Mean, Reshape
from tinyml.passes import dead_nodes, merge_means


def two_means(height: int, width: int, quants: tuple[Quant, Quant, Quant], keep_dims: bool = False) -> Graph:
    x = activation(1, height, width, 3, quant=quants[0])
    inner = layer(Mean((2,), keep_dims), x, quant=quants[1], name="inner")
    outer = layer(Mean((1,), keep_dims), inner.output, quant=quants[2], name="outer")
    return graph([x], [inner, outer])


OTHER = Quant.per_tensor(0.11, -40)


@pytest.mark.parametrize("keep_dims", [True, False])
@pytest.mark.parametrize(
    ("height", "width", "quants"),
    [(7, 1, (QUANT, QUANT, OTHER)), (1, 7, (QUANT, OTHER, OTHER)), (1, 1, (QUANT, QUANT, OTHER))],
)
def test_a_step_over_one_element_leaves_one_mean(
    height: int, width: int, quants: tuple[Quant, Quant, Quant], keep_dims: bool
) -> None:
    before = two_means(height, width, quants, keep_dims)
    after = dead_nodes(merge_means(before))
    assert kinds(after) == ["mean", "reshape"]
    assert_same_bytes(before, after, 30)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (3, 3), (7, 7), (2, 9), (12, 5)])
@pytest.mark.parametrize("zero_point", [-128, 6, 127])
def test_two_real_means_stay(height: int, width: int, zero_point: int) -> None:
    quant = Quant.per_tensor(0.05, zero_point)
    before = two_means(height, width, (quant, quant, quant))
    assert merge_means(before) is before


def test_a_step_over_one_element_that_rescales_stays() -> None:
    before = two_means(7, 1, (QUANT, OTHER, QUANT))
    assert merge_means(before) is before


def test_two_means_merge_when_no_sum_tells_them_apart() -> None:
    # the output's step is so wide that every mean is its zero point
    wide = Quant.per_tensor(100.0, 11)
    before = two_means(3, 2, (QUANT, QUANT, wide))
    after = dead_nodes(merge_means(before))
    assert kinds(after) == ["mean", "reshape"]
    assert_same_bytes(before, after, 30)


def test_the_decision_is_right_for_every_image_of_2_by_2() -> None:
    """All sums of two bytes twice, for random quantizations: merged if and only if no pair differs."""
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(12):
        quants = [
            Quant.per_tensor(float(np.float32(s)), int(z))
            for s, z in zip(np.exp(rng.uniform(-4, 2, 3)), rng.choice([-128, 127, 0, 50], 3), strict=True)
        ]
        before = two_means(2, 2, (quants[0], quants[1], quants[2]))
        merged = merge_means(before) is not before
        outcomes.add(merged)
        one = graph(before.inputs, [layer(Mean((1, 2)), before.inputs[0], quant=quants[2])])
        assert merged == all_pairs_of_sums_agree(before, one)
    assert outcomes == {True, False}


def all_pairs_of_sums_agree(two: Graph, one: Graph) -> bool:
    sums = np.arange(-256, 255)
    pairs = np.stack([sums // 2, sums - sums // 2], -1)
    tops, bottoms = np.meshgrid(np.arange(len(sums)), np.arange(len(sums)), indexing="ij")
    images = np.stack([pairs[tops.ravel()], pairs[bottoms.ravel()]], 1).astype(np.int8)  # [pairs, 2, 2]
    wide = images.transpose(1, 2, 0)[None]
    return all(
        np.array_equal(a, b) for a, b in zip(run(widened(two, wide), wide), run(widened(one, wide), wide), strict=True)
    )


def widened(narrow: Graph, values: np.ndarray) -> Graph:
    """The same nodes over as many channels as the values have."""
    x = activation(*values.shape, quant=narrow.inputs[0].quant)
    nodes, tensor = [], x
    for node in narrow.nodes:
        nodes.append(layer(node.op, tensor, quant=node.output.quant, name=node.name))
        tensor = nodes[-1].output
    return graph([x], nodes)


@pytest.mark.parametrize("shape", [(1, 6, 1, 3), (6, 3), (1, 1, 6, 3), (3, 6)])
def test_a_reshape_between_that_keeps_the_sides(shape: tuple[int, ...]) -> None:
    x = activation(1, 6, 1, 3)
    inner = layer(Mean((2,)), x, name="inner")
    between = layer(Reshape(shape), inner.output)
    outer = layer(Mean((shape.index(6),)), between.output, name="outer")
    before = graph([x], [inner, between, outer])
    after = dead_nodes(merge_means(before))
    assert (after is before) == (shape == (3, 6))
    assert_same_bytes(before, after, 30)


def test_an_inner_mean_that_others_read_stays() -> None:
    before = two_means(7, 1, (QUANT, QUANT, OTHER))
    both = graph(before.inputs, before.nodes, [node.output for node in before.nodes])
    assert merge_means(both) is both


def test_float_means_stay() -> None:
    x = real(1, 4, 1, 3)
    inner = layer(Mean((2,)), x, name="inner")
    before = graph([x], [inner, layer(Mean((1,)), inner.output, name="outer")])
    assert merge_means(before) is before


def test_three_means_over_sides_of_1_collapse() -> None:
    x = activation(1, 1, 5, 1)
    nodes = [layer(Mean((1,), True), x, name="a")]
    for axis, name in itertools.product((2, 3), "b"):
        nodes.append(layer(Mean((axis,), True), nodes[-1].output, name=f"{name}{axis}"))
    before = graph([x], nodes)
    after = dead_nodes(merge_means(before))
    assert kinds(after).count("mean") == 1
    assert_same_bytes(before, after, 30)
