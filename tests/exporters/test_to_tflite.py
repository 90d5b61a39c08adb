"""The exporter: files that LiteRT loads, explicit padding, alignment, and an error for what TFLite cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.importers.tflite_files import case, int8, tiny_network
from tests.op_cases import CASES
from tests.samples import int8_samples
from tests.tflm import OracleError, run_litert_reference_many, run_tflm_isolated, run_tflm_many
from tinyml import interpreter
from tinyml.errors import UnsupportedError
from tinyml.exporters.tflite_ops import ROWS
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Activation, Array, DType, Graph, Node, Op, Padding, Quant, Tensor
from tinyml.ops import OPS, AveragePool2D, Conv2D, MaxPool2D


def test_every_op_has_a_row() -> None:
    assert set(ROWS) == set(OPS)


# LiteRT refuses output sizes of a TRANSPOSE_CONV that TFLM accepts: those of no forward convolution. Of ELU it has no
# reference kernel.
@pytest.mark.parametrize("kind", sorted(set(CASES) - {"elu", "transpose_conv"}))
def test_litert_loads_every_op(kind: str) -> None:
    for seed in range(5):
        graph = case(kind, seed)
        run_litert_reference_many(to_tflite(graph), int8_samples(graph, 1))


def test_same_graph_same_bytes() -> None:
    assert to_tflite(tiny_network()) == to_tflite(tiny_network())


def test_constants_are_aligned() -> None:
    data = to_tflite(tiny_network())
    model = schema.Model.GetRootAs(data, 0)
    buffers = [model.Buffers(index) for index in range(1, model.BuffersLength())]
    assert [buffer._tab.Vector(buffer._tab.Offset(4)) % 16 for buffer in buffers] == [0] * len(buffers)
    assert model.Buffers(0).DataLength() == 0
    assert data[4:8] == b"TFL3"


def windowed(op: Op, constants: list[Tensor] | None = None) -> Graph:
    image = int8("image", 1, 6, 5, 2)
    operands = [image, *(constants or [])]
    (shape,) = op.infer(operands)
    result = int8("result", *shape)
    return Graph("g", (Node("result", op, tuple(operands), (result,)),), (image,), (result,))


def codes(data: bytes) -> list[int]:
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    return [model.operatorCodes[operator.opcodeIndex].builtinCode for operator in model.subgraphs[0].operators]


PADDINGS = [Padding(2, 0, 0, 3), Padding(0, 1, 1, 0), Padding(4, 4, 4, 4)]


@pytest.mark.parametrize("padding", PADDINGS)
def test_padding_that_tflite_cannot_say_is_a_pad_before_a_convolution(padding: Padding) -> None:
    values = np.random.default_rng(0).integers(-127, 128, (3, 3, 3, 2)).astype(np.int8)
    weights = Tensor.constant("weights", values, Quant.per_tensor(0.01))
    graph = windowed(Conv2D(padding=padding, activation=Activation.RELU), [weights])
    data = to_tflite(graph)
    assert codes(data) == [schema.BuiltinOperator.PAD, schema.BuiltinOperator.CONV_2D]
    assert_equal_to_tflm(graph, data)


def test_padding_before_a_maximum_never_wins() -> None:
    padding = PADDINGS[1]
    graph = windowed(MaxPool2D(3, 2, padding=padding))
    data = to_tflite(graph)
    assert codes(data) == [schema.BuiltinOperator.PADV2, schema.BuiltinOperator.MAX_POOL_2D]
    assert_equal_to_tflm(graph, data)


def test_padding_in_a_mean_cannot_be_said() -> None:
    padding = Padding(0, 1, 1, 0)
    with pytest.raises(UnsupportedError, match="neither SAME nor VALID"):
        to_tflite(windowed(AveragePool2D(3, 2, padding=padding)))


def test_unreachable_padding_is_still_valid() -> None:
    """Rows of padding that no window reaches need no PAD."""
    data = to_tflite(windowed(MaxPool2D(2, 2, 3, 3, Padding(0, 1, 0, 0))))
    assert codes(data) == [schema.BuiltinOperator.MAX_POOL_2D]


def test_names_that_are_no_utf8() -> None:
    source = Tensor("\ud800\n", (1, 4), DType.INT8, int8("x", 1).quant)
    graph = case("relu")
    node = Node("n", graph.nodes[0].op, (source,), (int8("out", 1, 4),))
    assert to_tflite(Graph("\udfff", (node,), (source,), node.outputs))


def test_isolated_tflm_survives_an_abort() -> None:
    """A softmax whose output is not quantized as TFLM demands: it refuses, and the reason is passed on."""
    graph = case("softmax")
    output = int8("output", *graph.outputs[0].shape)
    node = Node("n", graph.nodes[0].op, graph.nodes[0].inputs, (output,))
    with pytest.raises(OracleError):
        run_tflm_isolated(to_tflite(Graph("g", (node,), graph.inputs, (output,))), int8_samples(graph, 1)[0])


def assert_equal_to_tflm(graph: Graph, data: bytes) -> None:
    rows: list[tuple[Array, ...]] = int8_samples(graph, 5)
    for row, expected in zip(rows, run_tflm_many(data, rows), strict=True):
        np.testing.assert_array_equal(interpreter.run(graph, row)[0], expected[0])
