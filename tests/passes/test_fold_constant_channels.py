from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import shared_model
from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, layer, weights
from tinyml.importers.from_tflite import from_tflite
from tinyml.ir import Activation, Array, DType, Graph, Node, Op, Padding, Quant, Tensor
from tinyml.ir.requantize import INT32_MAX
from tinyml.ops import Add, Concatenation, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mul, Relu, Reshape
from tinyml.passes import Saving, fold_constant_channels, fold_constant_tensors, optimize

SAME = Padding(1, 1, 1, 1)
RELU = Quant.per_tensor(0.04, -128)
BIAS = 3000


def filters(shape: Sequence[int], zero: Sequence[int] = (), axis: int = 0, seed: int = 0) -> Tensor:
    """Random weights, filters `zero` all zero."""
    drawn = weights(shape, axis, seed)
    data = np.array(drawn.values)
    np.moveaxis(data, axis, 0)[list(zero)] = 0
    return Tensor("weights", drawn.shape, drawn.dtype, drawn.quant, data)


def biases(*values: int) -> Tensor:
    return Tensor.constant("bias", np.array(values, np.int32), Quant((0.001,) * len(values), (0,) * len(values), 0))


def pointwise(x: Tensor, zero: Sequence[int], bias: Sequence[int], name: str = "first", quant: Quant = RELU) -> Node:
    shape = (len(bias), 1, 1, x.shape[3])
    return layer(Conv2D(activation=Activation.RELU), x, filters(shape, zero), biases(*bias), name=name, quant=quant)


def before_layer(op: Op, constants: Sequence[Tensor], zero: Sequence[int], bias: Sequence[int]) -> Graph:
    x = activation(1, 5, 4, 3)
    first = pointwise(x, zero, bias)
    return graph([x], [first, layer(op, first.output, *constants, name="last", quant=QUANT)])


def channels(checked: Graph) -> dict[str, int]:
    return {node.name: node.output.shape[-1] for node in checked.nodes}


def folded(before: Graph) -> dict[str, int]:
    after = fold_constant_channels(before)
    assert_same_bytes(before, after, 20)
    return channels(after)


@pytest.mark.parametrize("bias", [0, BIAS, -BIAS])
@pytest.mark.parametrize(
    ("op", "constants"),
    [
        (Conv2D(), [filters((2, 1, 1, 4)), biases(5, -7)]),
        (Conv2D(), [filters((2, 1, 1, 4))]),
        (Conv2D(stride_h=2, dilation_w=2), [filters((2, 3, 2, 4)), biases(5, -7)]),
        (FullyConnected(), [filters((2, 80))]),
        (FullyConnected(keep_num_dims=True), [Tensor.constant("w", filters((2, 4)).values, Quant.per_tensor(0.01, 9))]),
    ],
)
def test_a_zero_filter_folds_into_the_bias_behind_it(op: Op, constants: list[Tensor], bias: int) -> None:
    before = before_layer(op, constants, zero=(1, 3), bias=(100, bias, -100, bias))
    assert folded(before)["first"] == 2


def test_border_and_middle_must_agree_behind_padding() -> None:
    op = Conv2D(padding=SAME)
    # channel 1 is its zero point, channel 3 is not
    before = before_layer(op, [filters((2, 3, 3, 4))], zero=(1, 3), bias=(100, -BIAS, -100, BIAS))
    assert folded(before)["first"] == 3
    # weights of which the padding hides none: only the middle tap counts
    middle = np.array(filters((2, 3, 3, 4)).values)
    middle[:, [0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2], 3] = 0
    data = Tensor.constant("weights", middle, filters((2, 3, 3, 4)).quant)
    assert folded(before_layer(op, [data], zero=(1, 3), bias=(100, -BIAS, -100, BIAS)))["first"] == 2


def through_depthwise(bias: int, scale: float) -> Graph:
    """A constant channel through a padded depthwise layer whose output's steps are of that size."""
    x = activation(1, 5, 4, 3)
    first = pointwise(x, (1,), (100, bias, -100))
    deep = filters((1, 3, 3, 3), axis=3)
    quant = Quant.per_tensor(scale, -128)
    middle = layer(DepthwiseConv2D(padding=SAME), first.output, deep, biases(7, 8, 9), name="deep", quant=quant)
    return graph([x], [first, middle, layer(Conv2D(), middle.output, filters((2, 1, 1, 3)), name="last", quant=QUANT)])


def test_through_a_depthwise_layer_from_the_zero_point() -> None:
    assert folded(through_depthwise(-BIAS, 0.05)) == {"first": 2, "deep": 2, "last": 2}


def test_through_a_depthwise_layer_where_the_border_differs() -> None:
    assert folded(through_depthwise(BIAS, 0.05)) == {"first": 3, "deep": 3, "last": 2}


def test_through_a_depthwise_layer_where_all_positions_round_to_one_byte() -> None:
    assert folded(through_depthwise(BIAS, 1000.0))["deep"] == 1  # so do the other channels: one is left


@pytest.mark.parametrize("bias", [2_000_000, -2_000_000])
def test_a_clamp_that_always_saturates(bias: int) -> None:
    assert folded(before_layer(Conv2D(), [filters((2, 2, 2, 3))], zero=(), bias=(bias, 10, 20)))["first"] == 2


def test_what_no_weight_reads() -> None:
    unread = np.array(filters((2, 2, 2, 3)).values)
    unread[..., 1] = 0
    last = Tensor.constant("weights", unread, filters((2, 2, 2, 3)).quant)
    assert folded(before_layer(Conv2D(), [last], zero=(), bias=(10, 20, 30)))["first"] == 2


def test_a_bias_that_would_leave_int32_refuses() -> None:
    def last(bias: int) -> list[Tensor]:
        return [Tensor.constant("w", np.full((1, 1, 1, 3), 100, np.int8), Quant.per_tensor(0.01)), biases(bias)]

    # the constant is the zero point + 255: 25 500 more in the bias
    top = (10, 2_000_000, 20)
    assert folded(before_layer(Conv2D(), last(INT32_MAX - 25_500), zero=(1,), bias=top))["first"] == 2
    assert folded(before_layer(Conv2D(), last(INT32_MAX - 25_499), zero=(1,), bias=top))["first"] == 3


def skip(zero: Sequence[int], zero_branch: Sequence[int], outputs: bool = False) -> Graph:
    x = activation(1, 5, 4, 3)
    one = pointwise(x, zero, (10, BIAS, 20), "one")
    two = pointwise(x, zero_branch, (30, 40, BIAS), "two")
    add = layer(Add(), one.output, two.output, quant=QUANT)
    last = layer(Conv2D(), add.output, filters((2, 2, 2, 3)), name="last", quant=QUANT)
    return graph([x], [one, two, add, last], [last.output, *([add.output] if outputs else [])])


def test_a_sum_of_constants_goes_with_both_operands() -> None:
    assert folded(skip((0, 1), (1, 2))) == {"one": 2, "two": 2, "add": 2, "last": 2}


def test_a_sum_with_one_constant_stays() -> None:
    assert set(folded(skip((0,), (1,))).values()) == {2, 3}
    before = skip((0,), (1,))
    assert fold_constant_channels(before) is before


def test_what_the_caller_sees_stays() -> None:
    before = skip((0, 1), (1, 2), outputs=True)
    assert fold_constant_channels(before) is before


def test_each_operand_of_a_concatenation_loses_its_own() -> None:
    x = activation(1, 5, 4, 3)
    one, two = pointwise(x, (0,), (BIAS, 10), "one"), pointwise(x, (0, 1), (BIAS, -BIAS), "two")
    both = layer(Concatenation(3), one.output, two.output, one.output, name="both")
    pool = layer(MaxPool2D(2, 2), both.output, name="pool")
    flat = layer(Reshape((1, 3 * 4 * 3 * 2)), pool.output, name="flat")
    last = layer(FullyConnected(), flat.output, filters((2, 72)), name="last", quant=QUANT)
    before = graph([x], [one, two, both, pool, flat, last])
    assert folded(before) == {"one": 1, "both": 2, "pool": 2, "flat": 24, "last": 2}


def test_gates_and_constants_per_channel() -> None:
    x = activation(1, 5, 4, 3)
    first = pointwise(x, (1,), (10, BIAS, 20))
    constant = Tensor.constant("gate", np.array([[[[30, 20, 90]]]], np.int8), QUANT)
    mul = layer(Mul(), first.output, constant, quant=QUANT)
    relu = layer(Relu(), mul.output)
    last = layer(Conv2D(), relu.output, filters((2, 2, 2, 3)), name="last", quant=QUANT)
    assert folded(graph([x], [first, mul, relu, last])) == {"first": 2, "mul": 2, "relu": 2, "last": 2}


def test_a_layer_of_constants_becomes_a_row() -> None:
    x = activation(1, 5, 4, 3)
    one = pointwise(x, (0, 1, 2), (10, BIAS, -BIAS), "one")
    add = layer(Add(), x, one.output, quant=QUANT)
    before = graph([x], [one, add])
    after = fold_constant_tensors(before)
    assert [node.op.kind for node in after.nodes] == ["add"] and after.nodes[0].inputs[1].shape == (1, 1, 1, 3)
    assert_same_bytes(before, after)


def test_an_output_of_constants_becomes_one() -> None:
    x = activation(1, 5, 4, 3)
    one, two = pointwise(x, (0, 1), (10, BIAS), "one"), pointwise(x, (), (10, BIAS), "two")
    before = graph([x], [one, two], [one.output, two.output])
    after = fold_constant_tensors(before)
    assert [node.name for node in after.nodes] == ["two"] and after.outputs[0].is_constant
    assert_same_bytes(before, after)


@pytest.mark.parametrize("quant", [None, Quant((0.1, 0.2, 0.3), (0, 0, 0), 3)])
def test_activations_without_one_scale_are_left_alone(quant: Quant | None) -> None:
    """No such model runs, but it may be imported, and is refused later."""
    x = Tensor("input", (1, 5, 4, 3), DType.INT8, quant)
    relu = layer(Relu(), x)
    add = layer(Add(), relu.output, relu.output)
    deep = layer(DepthwiseConv2D(), add.output, filters((1, 2, 2, 3), (0,), 3), name="deep")
    last = layer(Conv2D(), deep.output, filters((2, 1, 1, 3), (1,)), name="last", quant=QUANT)
    before = graph([x], [relu, add, deep, last])
    assert optimize(before) is before


def test_weights_scaled_along_their_inputs_are_left_alone() -> None:
    drawn = filters((4, 1, 1, 4), (0, 1))
    along_inputs = Tensor("weights", drawn.shape, drawn.dtype, replace(drawn.affine, axis=3), drawn.data)
    x = activation(1, 5, 4, 4)
    first = layer(Conv2D(), x, along_inputs, name="first")
    before = graph([x], [first, layer(Conv2D(), first.output, filters((2, 1, 1, 4)), name="last")])
    assert optimize(before) is before


def test_names_and_scales_stay() -> None:
    before = before_layer(Conv2D(), [filters((2, 1, 1, 4))], zero=(1, 3), bias=(100, BIAS, -100, BIAS))
    first, last = fold_constant_channels(before).nodes
    kept: Array = np.array([0, 2])
    old = before.nodes[0].inputs
    assert [t.name for t in first.inputs] == ["input", "weights", "bias"] and last.inputs[2].name == "last/bias"
    np.testing.assert_array_equal(first.inputs[1].values, old[1].values[kept])
    np.testing.assert_array_equal(first.inputs[2].values, old[2].values[kept])
    assert first.inputs[1].affine.scales == tuple(old[1].affine.scales[i] for i in kept)


@pytest.mark.parametrize(
    ("name", "macs", "weights_bytes"), [("vww_96_int8", 3_762_351, 185_942), ("mcunet_vww_80", 647_491, 27_302)]
)
def test_shared_models_lose_their_useless_channels(name: str, macs: int, weights_bytes: int) -> None:
    before = from_tflite(shared_model(name).read_bytes(), name)
    report: list[Saving] = []
    after = optimize(before, report)
    assert before.macs - after.macs == macs == sum(saving.macs for saving in report)
    saved = [saving for saving in report if saving.name == "fold_constant_channels"]
    assert sum(saving.weights_bytes for saving in saved) == weights_bytes
    if name == "vww_96_int8":
        assert_same_bytes(before, after, 6)
