from __future__ import annotations

import numpy as np
import pytest

from tests.passes.graphs import activation, assert_same_bytes, graph, kinds, layer, real, weights
from tinyml.interpreter import run
from tinyml.ir import Activation, Quant
from tinyml.ops import Add, Conv2D, FullyConnected, Relu, Tanh
from tinyml.passes import fuse_activation

RECTIFIERS = [Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1]
OUTPUT = Quant.per_tensor(0.06, -30)


@pytest.mark.parametrize("rectifier", RECTIFIERS)
@pytest.mark.parametrize("already", list(Activation))
@pytest.mark.parametrize("zero_point", [-128, -30, 127])
def test_the_clamp_of_the_producer_is_the_rectifier(
    rectifier: Activation, already: Activation, zero_point: int
) -> None:
    x = activation(1, 5, 5, 2)
    quant = Quant.per_tensor(0.06, zero_point)
    conv = layer(Conv2D(activation=already), x, weights((3, 3, 3, 2)), quant=quant)
    relu = layer(Relu(rectifier), conv.output)
    before = graph([x], [conv, relu, layer(Tanh(), relu.output, quant=Quant.per_tensor(1 / 128, 0))])
    after = fuse_activation(before)
    # [0, 1], which RELU_N1_TO_1 and another make together, is no fused activation's range
    together = {rectifier, already}
    stays = zero_point == -30 and Activation.RELU_N1_TO_1 in together and len(together - {Activation.NONE}) == 2
    assert kinds(after) == (["conv2d", "relu", "tanh"] if stays else ["conv2d", "tanh"])
    assert_same_bytes(before, after)


def test_every_op_with_a_clamp_takes_it() -> None:
    x, y = activation(1, 6), activation(1, 6, name="y")
    add = layer(Add(), x, y, quant=OUTPUT)
    first = layer(Relu(), add.output, name="first")
    dense = layer(FullyConnected(), first.output, weights((4, 6)), quant=OUTPUT)
    last = layer(Relu(Activation.RELU6), dense.output, name="last")
    before = graph([x, y], [add, first, dense, last])
    after = fuse_activation(before)
    assert kinds(after) == ["add", "fully_connected"]
    assert after.outputs == (last.output,)
    assert_same_bytes(before, after)


def test_another_quantization_behind_the_rectifier_keeps_it() -> None:
    x = activation(1, 6)
    add = layer(Add(), x, x, quant=OUTPUT)
    before = graph([x], [add, layer(Relu(), add.output, quant=Quant.per_tensor(0.03, -128))])
    assert fuse_activation(before) is before
    # RELU6 copies bytes whatever its output's scale says: here all of them, and still the sum may not rescale to it
    fine = layer(Add(), x, x, quant=Quant.per_tensor(0.02, -128))
    before = graph([x], [fine, layer(Relu(Activation.RELU6), fine.output, quant=Quant.per_tensor(0.01, -128))])
    assert fuse_activation(before) is before


def test_another_reader_keeps_it() -> None:
    x = activation(1, 6)
    add = layer(Add(), x, x, quant=OUTPUT)
    relu, tanh = layer(Relu(), add.output), layer(Tanh(), add.output)
    before = graph([x], [add, relu, tanh], [relu.output, tanh.output])
    assert fuse_activation(before) is before
    before = graph([x], [add, relu], [add.output, relu.output])
    assert fuse_activation(before) is before


def test_a_producer_without_a_clamp_keeps_it() -> None:
    x = activation(1, 6)
    tanh = layer(Tanh(), x)
    before = graph([x], [tanh, layer(Relu(), tanh.output)])
    assert fuse_activation(before) is before


def test_float_clamps_fuse_once() -> None:
    x = real(1, 6)
    add = layer(Add(), x, x)
    one = layer(Relu(Activation.RELU6), add.output, name="one")
    before = graph([x], [add, one, layer(Relu(), one.output, name="two")])
    after = fuse_activation(before)
    assert kinds(after) == ["add", "relu"]
    values = np.linspace(-5, 5, 6, dtype=np.float32)[None]
    np.testing.assert_array_equal(run(before, values)[0], run(after, values)[0])
