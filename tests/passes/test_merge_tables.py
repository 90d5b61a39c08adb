from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, kinds, layer, weights
from tinyml.interpreter import run
from tinyml.ir import Activation, Graph, Node, Op, Quant, Tensor
from tinyml.ops import Add, Conv2D, HardSwish, LeakyRelu, Logistic, MaxPool2D, Mean, Quantize, Relu, Tanh
from tinyml.passes import merge_tables

RELU = Quant.per_tensor(0.05, -128)
COARSE, FINE = Quant.per_tensor(0.1, -128), Quant.per_tensor(0.025, -128)
EVERY = np.arange(-128, 128, dtype=np.int8)[None]


def chain(*steps: tuple[Op, Quant], quant: Quant = QUANT) -> Graph:
    x = activation(1, 256, quant=quant)
    nodes: list[Node] = []
    for number, (op, output) in enumerate(steps):
        source = nodes[-1].output if nodes else x
        nodes.append(layer(op, source, name=f"n{number}", quant=output))
    return graph([x], nodes)


def merged(before: Graph) -> Graph:
    """Compared on all 256 bytes."""
    after = merge_tables(before)
    np.testing.assert_array_equal(run(after, EVERY)[0], run(before, EVERY)[0])
    assert_same_bytes(before, after, 3)
    return after


def test_a_rectifier_and_a_rescaling() -> None:
    after = merged(chain((Relu(), RELU), (Quantize(), COARSE)))
    assert kinds(after) == ["relu"] and after.nodes[0].name == "n0" and after.outputs[0].name == "n1"
    assert kinds(merged(chain((Quantize(), QUANT), (Tanh(), Tanh.OUTPUT_QUANT)))) == ["tanh"]


def test_two_that_round_differently_stay() -> None:
    before = chain((Quantize(), Quant.per_tensor(0.7, 0)), (Quantize(), FINE))
    assert merge_tables(before) is before


def test_ops_that_state_their_quantization_keep_it() -> None:
    swish = chain((Logistic(), Logistic.OUTPUT_QUANT), (Quantize(), Quant.per_tensor(1 / 128, -128)))
    assert kinds(merged(swish)) == ["logistic", "quantize"]
    six = chain((Relu(Activation.RELU6), RELU), (Quantize(), Quant.per_tensor(0.05, -120)), quant=RELU)
    assert kinds(merged(six)) == ["relu", "quantize"]


OPS = [
    (Relu(), RELU),
    (Relu(), FINE),
    (Relu(Activation.RELU6), QUANT),
    (LeakyRelu(0.3), COARSE),
    (HardSwish(), QUANT),
    (Logistic(), Logistic.OUTPUT_QUANT),
    (Tanh(), Tanh.OUTPUT_QUANT),
    (Quantize(), QUANT),
    (Quantize(), COARSE),
    (Quantize(), Quant.per_tensor(0.05, 10)),
]


def test_every_pair_keeps_all_256_answers() -> None:
    shorter = 0
    for first, second in itertools.product(OPS, OPS):
        if isinstance(second[0], Relu) and second[0].activation is Activation.RELU6:
            second = (second[0], first[1])
        shorter += len(merged(chain(first, second)).nodes) < 2
    assert 5 < shorter < 60


def behind_layer(op: Op, activation_of_layer: Activation, quant: Quant, output: Quant | None = None) -> Graph:
    x = activation(1, 5, 4, 3)
    conv = layer(Conv2D(activation=activation_of_layer), x, weights((4, 2, 2, 3)), name="conv", quant=quant)
    pool = layer(MaxPool2D(2, 2), conv.output, name="pool")
    return graph([x], [conv, pool, layer(op, pool.output, name="last", quant=output or quant)])


@pytest.mark.parametrize("clamp", [Activation.RELU, Activation.RELU6])
def test_a_rectifier_behind_what_is_never_negative(clamp: Activation) -> None:
    before = behind_layer(Relu(), clamp, QUANT)
    after = merge_tables(before)
    assert kinds(after) == ["conv2d", "max_pool2d"] and after.outputs[0].name == "last"
    assert_same_bytes(before, after)


def test_a_rectifier_behind_what_may_be_negative() -> None:
    before = behind_layer(Relu(), Activation.NONE, QUANT)
    assert merge_tables(before) is before


def test_a_sum_that_never_reaches_the_clamp() -> None:
    """No clamp is stated: the weights cannot make the sum large enough for the rectifier's upper end."""
    before = behind_layer(Relu(Activation.RELU6), Activation.RELU, Quant.per_tensor(1.0, 0))
    assert kinds(merge_tables(before)) == ["conv2d", "max_pool2d", "relu"]
    x = activation(1, 5, 4, 1)
    tiny = Tensor.constant("weights", np.ones((1, 1, 1, 1), np.int8), Quant.per_tensor(0.5))
    conv = layer(Conv2D(activation=Activation.RELU), x, tiny, quant=Quant.per_tensor(0.1, 0))
    last = layer(Relu(Activation.RELU6), conv.output, name="last")
    reached = graph([x], [conv, last])  # at most 0.5 * (127 - 3) * 0.05 = 3.1
    assert kinds(merge_tables(reached)) == ["conv2d"]
    assert_same_bytes(reached, merge_tables(reached))


def test_what_others_read_stays() -> None:
    x = activation(1, 8, quant=RELU)
    relu = layer(Relu(), x, name="relu", quant=COARSE)
    again = layer(Quantize(), relu.output, name="again", quant=RELU)
    add = layer(Add(), relu.output, again.output, quant=QUANT)
    before = graph([x], [relu, again, add])
    assert merge_tables(before) is before


def test_only_ops_of_one_byte_take_part() -> None:
    before = behind_layer(Mean((1, 2)), Activation.RELU, QUANT)
    assert merge_tables(before) is before
