from __future__ import annotations

import numpy as np

from tests.passes.graphs import activation, assert_same_bytes, graph, kinds, layer, real
from tinyml.interpreter import run
from tinyml.ir import Quant
from tinyml.ops import Concatenation, Mean, Quantize, Relu, Reshape, Tanh, Transpose
from tinyml.passes import dead_nodes, drop_identity

OTHER = Quant.per_tensor(0.5, -7)


def test_reshape_to_its_own_shape_goes() -> None:
    x = activation(1, 2, 3, 4)
    same = layer(Reshape((1, 2, 3, 4)), x)
    before = graph([x], [same, layer(Relu(), same.output)])
    after = drop_identity(before)
    assert kinds(after) == ["relu"]
    assert_same_bytes(before, after)


def test_a_graph_output_keeps_its_tensor() -> None:
    x = activation(1, 4)
    relu = layer(Relu(), x)
    same = layer(Reshape((1, 4)), relu.output, name="result")
    before = graph([x], [relu, same, layer(Tanh(), relu.output)], [same.output])
    after = drop_identity(before)
    assert kinds(after) == ["relu", "tanh"]
    assert after.outputs == (same.output,)
    assert_same_bytes(before, after)


def test_a_node_between_input_and_output_stays() -> None:
    x = activation(1, 4)
    before = graph([x], [layer(Reshape((1, 4)), x)])
    assert drop_identity(before) is before


def test_a_node_between_two_outputs_stays() -> None:
    x = activation(1, 4)
    relu = layer(Relu(), x)
    same = layer(Reshape((1, 4)), relu.output, name="result")
    before = graph([x], [relu, same], [relu.output, same.output])
    assert drop_identity(before) is before


def test_a_reshape_that_changes_the_quantization_stays() -> None:
    x = activation(1, 4)
    relabelled = layer(Reshape((1, 4)), x, quant=OTHER)
    before = graph([x], [relabelled, layer(Relu(), relabelled.output)])
    assert drop_identity(before) is before


def test_reshapes_in_a_row_become_one() -> None:
    x = activation(1, 2, 3, 4)
    chain = [layer(Reshape((24,)), x, name="a", quant=OTHER)]
    chain.append(layer(Reshape((2, 12)), chain[-1].output, name="b"))
    chain.append(layer(Reshape((4, 6)), chain[-1].output, name="c"))
    before = graph([x], [*chain, layer(Relu(), chain[-1].output)])
    after = dead_nodes(drop_identity(before))
    assert kinds(after) == ["reshape", "relu"]
    assert after.nodes[0].inputs == (x,)
    assert_same_bytes(before, after)


def test_there_and_back_again_is_nothing() -> None:
    x = activation(1, 2, 3, 4)
    flat = layer(Reshape((24,)), x, name="flat")
    back = layer(Reshape((1, 2, 3, 4)), flat.output, name="back")
    before = graph([x], [flat, back, layer(Relu(), back.output)])
    after = dead_nodes(drop_identity(before))
    assert kinds(after) == ["relu"]
    assert_same_bytes(before, after)


def test_a_reshape_with_another_reader_stays_for_it() -> None:
    x = activation(2, 3)
    flat = layer(Reshape((6,)), x, name="flat")
    wide = layer(Reshape((3, 2)), flat.output, name="wide")
    ends = [layer(Relu(), flat.output), layer(Tanh(), wide.output)]
    before = graph([x], [flat, wide, *ends], [node.output for node in ends])
    after = dead_nodes(drop_identity(before))
    assert kinds(after) == ["reshape", "reshape", "relu", "tanh"]
    assert_same_bytes(before, after)


def test_transpose_of_sides_of_1_is_a_reshape() -> None:
    x = activation(1, 1, 5, 3)
    moved = layer(Transpose((2, 0, 3, 1)), x)
    before = graph([x], [moved, layer(Relu(), moved.output)])
    after = drop_identity(before)
    assert kinds(after) == ["reshape", "relu"]
    assert_same_bytes(before, after)


def test_transpose_that_moves_data_stays() -> None:
    x = activation(1, 2, 5, 3)
    before = graph([x], [layer(Transpose((0, 3, 1, 2)), x)])
    assert drop_identity(before) is before


def test_transposes_in_a_row_are_one_or_none() -> None:
    x = activation(2, 3, 4)
    one = layer(Transpose((2, 0, 1)), x, name="one")
    two = layer(Transpose((0, 2, 1)), one.output, name="two")
    before = graph([x], [one, two, layer(Relu(), two.output)])
    after = dead_nodes(drop_identity(before))
    assert kinds(after) == ["transpose", "relu"]
    assert_same_bytes(before, after)
    back = layer(Transpose((1, 2, 0)), one.output, name="back")
    before = graph([x], [one, back, layer(Relu(), back.output)])
    after = dead_nodes(drop_identity(before))
    assert kinds(after) == ["relu"]
    assert_same_bytes(before, after)


def test_quantize_to_the_same_goes_and_to_another_stays() -> None:
    x = activation(1, 4)
    same = layer(Quantize(), x)
    before = graph([x], [same, layer(Relu(), same.output)])
    after = drop_identity(before)
    assert kinds(after) == ["relu"]
    assert_same_bytes(before, after)
    other = layer(Quantize(), x, quant=OTHER)
    before = graph([x], [other, layer(Relu(), other.output)])
    assert drop_identity(before) is before


def test_mean_over_sides_of_1_is_a_reshape() -> None:
    x = activation(1, 1, 1, 5)
    before = graph([x], [layer(Mean((1, 2)), x)])
    after = drop_identity(before)
    assert kinds(after) == ["reshape"]
    assert_same_bytes(before, after)
    rescaled = graph([x], [layer(Mean((1, 2)), x, quant=OTHER)])
    assert drop_identity(rescaled) is rescaled


def test_float_graphs_too() -> None:
    x = real(1, 4)
    same = layer(Reshape((1, 4)), x)
    before = graph([x], [same, layer(Relu(), same.output)])
    after = drop_identity(before)
    assert kinds(after) == ["relu"]
    values = np.linspace(-1, 1, 4, dtype=np.float32)[None]
    np.testing.assert_array_equal(run(before, values)[0], run(after, values)[0])


def test_a_concatenation_of_one_tensor() -> None:
    x = activation(1, 3, 2)
    both = layer(Concatenation(2), x)
    before = graph([x], [both, layer(Relu(), both.output)])
    after = drop_identity(before)
    assert kinds(after) == ["relu"]
    assert_same_bytes(before, after)
