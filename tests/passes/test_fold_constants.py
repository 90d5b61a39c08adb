from __future__ import annotations

import numpy as np

from tests.passes.graphs import QUANT, activation, assert_same_bytes, graph, kinds, layer
from tinyml.ir import DType, Tensor
from tinyml.ops import Add, Concatenation, Dequantize, Quantize, Relu, Reshape
from tinyml.passes import fold_constants

CONSTANT = Tensor.constant("constant", np.array([[-100, 0, 5, 127]], np.int8), QUANT)


def test_a_chain_of_constants_becomes_one_constant() -> None:
    x = activation(4)
    relu = layer(Relu(), CONSTANT)
    flat = layer(Reshape((4,)), relu.output)
    add = layer(Add(), x, flat.output)
    before = graph([x], [relu, flat, add])
    after = fold_constants(before)
    assert kinds(after) == ["add"]
    assert after.nodes[0].inputs[1].is_constant
    assert_same_bytes(before, after)


def test_a_node_with_one_constant_input_stays() -> None:
    x = activation(1, 4)
    before = graph([x], [layer(Concatenation(1), x, CONSTANT)])
    assert fold_constants(before) is before


def test_float_constants_are_computed_in_float() -> None:
    x = activation(1, 4)
    restored = layer(Dequantize(), CONSTANT, dtype=DType.FLOAT32)
    again = layer(Quantize(), restored.output, dtype=DType.INT8, quant=QUANT)
    add = layer(Add(), x, again.output)
    before = graph([x], [restored, again, add])
    after = fold_constants(before)
    assert kinds(after) == ["add"]
    assert_same_bytes(before, after)


def test_an_output_may_become_constant() -> None:
    x = activation(1, 4)
    constant = layer(Relu(), CONSTANT, name="constant_output")
    before = graph([x], [constant, layer(Relu(), x)], [constant.output])
    after = fold_constants(before)
    assert after.outputs[0].is_constant
    assert_same_bytes(before, after)
