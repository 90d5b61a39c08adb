from __future__ import annotations

import pytest

from tests.passes.graphs import activation, assert_same_bytes, graph, kinds, layer, real
from tinyml.ir import Quant
from tinyml.ops import Mean, Relu, Transpose
from tinyml.passes import optimize, sink_transpose


@pytest.mark.parametrize("permutation", [(0, 3, 1, 2), (3, 2, 1, 0), (1, 0, 3, 2), (0, 1, 2, 3)])
@pytest.mark.parametrize("axes", [(3,), (1, 2), (-1, 2), (0, 1, 2, 3), (2, 2)])
@pytest.mark.parametrize("keep_dims", [True, False])
def test_the_mean_comes_first(permutation: tuple[int, ...], axes: tuple[int, ...], keep_dims: bool) -> None:
    x = activation(1, 4, 5, 6)
    moved = layer(Transpose(permutation), x)
    mean = layer(Mean(axes, keep_dims), moved.output, quant=Quant.per_tensor(0.04, -9))
    before = graph([x], [moved, mean])
    after = sink_transpose(before)
    assert [kind for kind in kinds(after) if kind != "transpose"] == ["mean"]
    assert after.nodes[-1].op.kind == "transpose"
    assert after.nodes[-2].inputs == (x,)
    assert_same_bytes(before, after, 5)


def test_the_end_of_an_nchw_export_needs_no_transpose() -> None:
    x = activation(1, 3, 3, 16)
    moved = layer(Transpose((0, 3, 1, 2)), x)
    width = layer(Mean((3,)), moved.output, name="width")
    height = layer(Mean((2,)), width.output, name="height")
    before = graph([x], [moved, width, height])
    after = optimize(before)
    assert kinds(after) == ["mean", "mean"]
    assert_same_bytes(before, after, 40)


def test_other_readers_and_float_keep_it() -> None:
    x = activation(1, 4, 5, 6)
    moved = layer(Transpose((0, 3, 1, 2)), x)
    mean, relu = layer(Mean((3,)), moved.output), layer(Relu(), moved.output)
    before = graph([x], [moved, mean, relu], [mean.output, relu.output])
    assert sink_transpose(before) is before
    y = real(1, 4, 5, 6)
    moved = layer(Transpose((0, 3, 1, 2)), y)
    before = graph([y], [moved, layer(Mean((3,)), moved.output)])
    assert sink_transpose(before) is before


def test_another_quantization_keeps_it() -> None:
    x = activation(1, 4, 5, 6)
    moved = layer(Transpose((0, 3, 1, 2)), x, quant=Quant.per_tensor(0.04, -9))
    before = graph([x], [moved, layer(Mean((3,)), moved.output)])
    assert sink_transpose(before) is before
