"""What random cases of elementwise ops cannot show: every value of a table, rounding ties, borders, refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from codegen.kernels.broadcast import Side, broadcast_fields, collapse, in_place
from tests.cases_elementwise import CASES
from tests.op_graphs import Rng, one_node
from tests.tflm import run_litert_reference_many, run_tflm_cases
from tinyml.errors import UnsupportedError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import run
from tinyml.ir import Activation, DType, Graph, Node, Op, Quant, Shape, ShapeError, Tensor
from tinyml.ops import (
    Add,
    Dequantize,
    HardSwish,
    LeakyRelu,
    Logistic,
    Mul,
    Prelu,
    Quantize,
    Relu,
    Softmax,
    Sub,
    Tanh,
)

EVERY_VALUE = np.arange(-128, 128).astype(np.int8)
TABLES = 40


def tensor(name: str, shape: Shape, scale: float = 0.1, zero_point: int = 0) -> Tensor:
    return Tensor(name, shape, DType.INT8, Quant.per_tensor(scale, zero_point))


def float32(value: float) -> float:
    return float(np.float32(value))


def unary(op: Op, source: Quant, output: Quant) -> Graph:
    return one_node(op, [Tensor("input", (256,), DType.INT8, source)], [output])


def assert_tflm_agrees(graphs: list[Graph], samples: list[np.ndarray]) -> None:
    outputs = run_tflm_cases([(to_tflite(graph), [samples]) for graph in graphs])
    for graph, ((theirs,),) in zip(graphs, outputs, strict=True):
        np.testing.assert_array_equal(run(graph, samples)[0], theirs, err_msg=str(graph.nodes[0]))


@pytest.mark.parametrize("kind", ["hard_swish", "leaky_relu", "logistic", "quantize", "relu", "tanh"])
def test_every_value_of_the_table_equals_tflm(kind: str) -> None:
    nodes = [CASES[kind](np.random.default_rng([1, index])).nodes[0] for index in range(TABLES)]
    graphs = [unary(node.op, node.inputs[0].affine, node.output.affine) for node in nodes]
    graphs = [g for g in graphs if g.nodes[0].op != Relu(Activation.RELU_N1_TO_1)]
    assert_tflm_agrees(graphs, [EVERY_VALUE])


def tied_scales(rng: Rng) -> tuple[float, float]:
    """Scales whose quotient is k + 1/2 in float32 and only nearly so in float64: they tell the two apart."""
    while True:
        ratio = int(rng.integers(1, 40)) + 0.5
        first = float32(rng.uniform(0.01, 2))
        second = float32(first / ratio)
        if float32(first / second) == ratio and Fraction(first) / Fraction(second) != Fraction(ratio):
            return first, second


@pytest.mark.parametrize("op", [Relu(), LeakyRelu(0.25), LeakyRelu(1.0), LeakyRelu(-1.0), Quantize()], ids=str)
def test_multipliers_are_computed_in_float64(op: Op) -> None:
    rng = np.random.default_rng(2)
    graphs = []
    for _ in range(TABLES):
        first, second = tied_scales(rng)
        source = Quant.per_tensor(first, int(rng.integers(-128, 128)))
        graphs.append(unary(op, source, Quant.per_tensor(second, int(rng.integers(-128, 128)))))
    assert_tflm_agrees(graphs, [EVERY_VALUE])


@pytest.mark.parametrize("op", [Add(), Sub(), Mul(), Prelu()], ids=lambda op: op.kind)
def test_all_pairs_of_values_on_ties(op: Op) -> None:
    pairs = [np.repeat(EVERY_VALUE, 256), np.tile(EVERY_VALUE, 256)]
    rng = np.random.default_rng(3)
    graphs = []
    for index in range(6):
        first, output = tied_scales(rng)
        second = float32(first * rng.choice([1, 2, 1 / 3]))
        operands = [tensor("first", (65536,), first, 3), tensor("second", (65536,), second, -7)]
        graphs.append(one_node(op, operands[:: 1 if index % 2 else -1], [Quant.per_tensor(output, 5)]))
    assert_tflm_agrees(graphs, pairs)


def test_relu_n1_to_1_divides_in_float32_like_litert() -> None:
    rng = np.random.default_rng(4)
    for _ in range(TABLES):
        first, second = tied_scales(rng)
        graph = unary(Relu(Activation.RELU_N1_TO_1), Quant.per_tensor(first, -3), Quant.per_tensor(second, 7))
        ((theirs,),) = run_litert_reference_many(to_tflite(graph), [[EVERY_VALUE]])
        np.testing.assert_array_equal(run(graph, EVERY_VALUE)[0], theirs)


def test_float_borders_equal_tflm() -> None:
    quant = Quant.per_tensor(float32(0.037), -5)
    reals = np.concatenate([np.linspace(-9, 9, 1001), (np.arange(-300, 300) + 0.5) * quant.scale]).astype(np.float32)
    source = Tensor("input", reals.shape, DType.FLOAT32)
    middle, result = (
        tensor("middle", reals.shape, *quant.scales, *quant.zero_points),
        Tensor("r", reals.shape, DType.FLOAT32),
    )
    nodes = (Node("q", Quantize(), (source,), (middle,)), Node("d", Dequantize(), (middle,), (result,)))
    graph = Graph("borders", nodes, (source,), (middle, result))
    (((ours_int, ours_float),),) = run_tflm_cases([(to_tflite(graph), [[reals]])])
    np.testing.assert_array_equal(run(graph, reals)[0], ours_int)
    np.testing.assert_array_equal(run(graph, reals)[1], ours_float)


def test_quantize_saturates_beyond_int32() -> None:
    source = Tensor("input", (4,), DType.FLOAT32)
    node = Node("q", Quantize(), (source,), (tensor("output", (4,), 1e-3, -5),))
    (answer,) = node.op.run_int8(node, [np.array([1e30, -1e30, np.inf, -np.inf], np.float32)])
    assert answer.tolist() == [127, -128, 127, -128]


def test_softmax_of_512_equal_values_is_all_below_half_a_step() -> None:
    for length, expected in ((511, -127), (512, -128), (20_000, -128)):
        graph = one_node(Softmax(), [tensor("input", (1, length))], [Softmax.OUTPUT_QUANT])
        assert set(run(graph, np.zeros((1, length), np.int8))[0].ravel().tolist()) == {expected}


def test_scales_out_of_reach_are_refused() -> None:
    far = one_node(Add(), [tensor("a", (1,), 1024.0), tensor("b", (1,))], [Quant.per_tensor(2.0**-9)])
    with pytest.raises(UnsupportedError, match="2\\*\\*19 or more times"):
        run(far, [np.zeros(1, np.int8)] * 2)
    with pytest.raises(UnsupportedError, match="128 or more times"):
        run(unary(HardSwish(), Quant.per_tensor(128.0), Quant.per_tensor(1.0)), EVERY_VALUE)
    with pytest.raises(UnsupportedError, match="not above"):
        run(one_node(Softmax(0.0), [tensor("a", (4,))], [Softmax.OUTPUT_QUANT]), np.zeros(4, np.int8))


def test_float_meanings() -> None:
    x = np.array([-20, -3, -0.5, 0, 0.5, 7, 90], np.float32)
    source, output = Tensor("x", x.shape, DType.FLOAT32), Tensor("y", x.shape, DType.FLOAT32)
    expected = {
        Relu(Activation.RELU6): np.clip(x, 0, 6),
        LeakyRelu(0.5): np.where(x > 0, x, x / 2),
        HardSwish(): x * np.clip(x + 3, 0, 6) / 6,
        Logistic(): 1 / (1 + np.exp(-x.astype(np.float64))),
        Tanh(): np.tanh(x),
        Softmax(0.5): np.exp((x - 90) / 2) / np.exp((x - 90) / 2).sum(),
        Quantize(): x,
        Dequantize(): x,
    }
    for op, want in expected.items():
        (got,) = op.run_float(Node("n", op, (source,), (output,)), [x])
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-30, err_msg=str(op))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError):
        Add().infer([tensor("a", (1, 4, 4, 3)), tensor("b", (1, 4, 4, 2))])
    with pytest.raises(ShapeError):
        Mul().infer([tensor("a", (1,) * 9), tensor("b", (1,))])
    with pytest.raises(ShapeError):
        Prelu().infer([tensor("a", (1, 1, 1, 3)), tensor("b", (4, 1, 3))])
    with pytest.raises(ShapeError):
        Softmax().infer([tensor("a", ())])


def test_collapse_joins_what_moves_together() -> None:
    assert collapse((6, 5, 4), (6, 5, 4), (6, 5, 4)) == [Side(120, 1, 1)]
    assert collapse((6, 5, 4), (6, 5, 4), (1, 1, 4)) == [Side(4, 1, 1), Side(30, 4, 0)]
    assert collapse((6, 5, 4), (1, 1, 1), (6, 5, 4)) == [Side(120, 0, 1)]
    assert collapse((6, 1, 4), (6, 1, 1), (1, 1, 4)) == [Side(4, 0, 1), Side(6, 1, 0)]
    assert collapse((1, 1), (1, 1), (1, 1)) == [Side(1, 0, 0)]


@pytest.mark.parametrize(
    ("other", "rows", "row_step"),
    [
        ((1, 7, 1, 3), (2, 4), 0),
        ((1, 1, 5, 3), (0, 1), 0),
        ((7, 5, 3), (0, 1), 15),
        ((5, 3), (0, 1), 0),
        ((), (0, 1), 0),
    ],
)
def test_rows_of_a_broadcast_operand(other: Shape, rows: tuple[int, int], row_step: int) -> None:
    operands = [tensor("image", (1, 7, 5, 3)), tensor("other", other)]
    node = one_node(Add(), operands, [Quant.per_tensor(0.1)]).nodes[0]
    assert node.op.input_rows(node, 0, 2, 4) == (2, 4)
    assert node.op.input_rows(node, 1, 2, 4) == rows
    assert broadcast_fields(node)["row_step1"] == row_step


def test_an_output_of_one_row_needs_whole_operands() -> None:
    node = one_node(Mul(), [tensor("a", (2, 7, 5, 3)), tensor("b", (1, 7, 5, 3))], [Quant.per_tensor(0.1)]).nodes[0]
    assert node.op.input_rows(node, 1, 0, 1) == (0, 7)


def test_in_place_operands_are_laid_out_as_the_output() -> None:
    image, same, channel = tensor("a", (1, 4, 4, 3)), tensor("b", (1, 4, 4, 3)), tensor("c", (3,))
    fixed = Tensor.constant("d", np.zeros((1, 4, 4, 3), np.int8), Quant.per_tensor(0.1))
    for operands, expected in (
        ([image, same], (0, 1)),
        ([image, image], (0, 1)),
        ([channel, image], (1,)),
        ([image, fixed], (0,)),
        ([tensor("e", (1, 4, 1, 3)), channel], (0,)),
    ):
        assert in_place(one_node(Add(), operands, [Quant.per_tensor(0.1)]).nodes[0]) == expected
