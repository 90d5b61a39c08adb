from __future__ import annotations

import numpy as np
import pytest

from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, kinds, layer, real, weights
from tinyml.interpreter import run
from tinyml.ir import Graph, Op, Padding, Quant, Tensor
from tinyml.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, MaxPool2D, Pad
from tinyml.passes import dead_nodes, fold_pad

OUTPUT = Quant.per_tensor(0.3, 5)


def padded(pad: Pad, op: Op, *constants: Tensor, quant: Quant = QUANT) -> Graph:
    x = activation(1, 6, 5, 3, quant=quant)
    border = layer(pad, x)
    return graph([x], [border, layer(op, border.output, *constants, quant=OUTPUT if constants else quant)])


@pytest.mark.parametrize("sides", [(1, 1, 1, 1), (0, 1, 0, 1), (3, 0, 2, 1), (0, 0, 0, 4)])
@pytest.mark.parametrize(
    ("op", "constants"),
    [
        (Conv2D(stride_h=2, stride_w=2), weights((4, 3, 3, 3))),
        (Conv2D(dilation_h=2, dilation_w=2, padding=Padding(1, 2, 2, 1)), weights((4, 2, 2, 3))),
        (DepthwiseConv2D(padding=Padding(0, 1, 1, 0)), weights((1, 3, 3, 3), axis=3)),
    ],
)
def test_a_convolution_takes_the_padding(sides: tuple[int, int, int, int], op: Op, constants: Tensor) -> None:
    top, bottom, left, right = sides
    before = padded(Pad((0, top, left, 0), (0, bottom, right, 0)), op, constants)
    after = dead_nodes(fold_pad(before))
    assert kinds(after) == [op.kind]
    assert_same_bytes(before, after)


def test_a_stated_value_folds_when_it_is_the_zero_point() -> None:
    pad = Pad((0, 1, 1, 0), (0, 1, 1, 0), value=QUANT.zero_point)
    before = padded(pad, Conv2D(), weights((4, 3, 3, 3)))
    after = dead_nodes(fold_pad(before))
    assert kinds(after) == ["conv2d"]
    assert_same_bytes(before, after)
    other = padded(Pad((0, 1, 1, 0), (0, 1, 1, 0), value=QUANT.zero_point + 1), Conv2D(), weights((4, 3, 3, 3)))
    assert fold_pad(other) is other


@pytest.mark.parametrize("pad", [Pad((0, 1, 1, 1), (0, 1, 1, 0)), Pad((0, 0, 0, 0), (0, 0, 0, 1))])
def test_padded_channels_stay(pad: Pad) -> None:
    before = padded(pad, Conv2D(), weights((4, 3, 3, sum((3, pad.before[3], pad.after[3])))))
    assert fold_pad(before) is before


def test_another_quantization_stays() -> None:
    x = activation(1, 6, 5, 3)
    border = layer(Pad((0, 1, 1, 0), (0, 1, 1, 0)), x, quant=OUTPUT)
    before = graph([x], [border, layer(Conv2D(), border.output, weights((4, 3, 3, 3)))])
    assert fold_pad(before) is before


def test_an_average_stays() -> None:
    before = padded(Pad((0, 1, 1, 0), (0, 1, 1, 0)), AveragePool2D(2, 2))
    assert fold_pad(before) is before


def test_a_maximum_takes_the_least_value_only() -> None:
    pad = Pad((0, 2, 1, 0), (0, 1, 3, 0))
    before = padded(pad, MaxPool2D(2, 2), quant=Quant.per_tensor(0.05, -128))
    after = dead_nodes(fold_pad(before))
    assert kinds(after) == ["max_pool2d"]
    assert_same_bytes(before, after)
    zeros = padded(pad, MaxPool2D(2, 2))
    assert fold_pad(zeros) is zeros


def test_other_readers_keep_the_pad() -> None:
    x = activation(1, 6, 5, 3)
    border = layer(Pad((0, 1, 1, 0), (0, 1, 1, 0)), x)
    conv = layer(Conv2D(), border.output, weights((4, 3, 3, 3)), quant=OUTPUT)
    add = layer(Add(), border.output, border.output)
    before = graph([x], [border, conv, add], [conv.output, add.output])
    after = dead_nodes(fold_pad(before))
    assert kinds(after) == ["pad", "conv2d", "add"]
    assert after.nodes[1].inputs[0] is x
    assert_same_bytes(before, after)


def test_float_zeros_fold() -> None:
    x = real(1, 4, 4, 2)
    border = layer(Pad((0, 1, 1, 0), (0, 1, 1, 0)), x)
    filters = Tensor.constant("weights", np.ones((1, 3, 3, 2), np.float32))
    before = graph([x], [border, layer(Conv2D(), border.output, filters)])
    after = dead_nodes(fold_pad(before))
    assert kinds(after) == ["conv2d"]
    values = np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2)
    np.testing.assert_array_equal(run(before, values)[0], run(after, values)[0])
