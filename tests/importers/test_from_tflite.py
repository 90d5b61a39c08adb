"""The importer: the shared models to the byte, round trips, and every way a file may state its tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.conftest import INT8_MODELS, shared_model
from tests.importers.tflite_files import case, case_file, edited, int8, operators_file, tiny_network
from tests.op_cases import CASES
from tests.samples import int8_samples
from tests.tflm import run_tflm_cases, run_tflm_many
from tinyml import interpreter
from tinyml.errors import ModelError, UnsupportedError
from tinyml.exporters.tflite_writer import ModelWriter
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.importers.tflite_ops import ROWS
from tinyml.ir import Array, DType, Graph, Node, Quant, Tensor, graph_text, verify
from tinyml.ops import OPS, Conv2D, FullyConnected, Pad, Quantize, Reshape


def samples(graph: Graph, count: int) -> list[list[Array]]:
    """int8 extremes and noise; noise for float inputs."""
    rng = np.random.default_rng(0)
    if all(tensor.dtype is DType.INT8 for tensor in graph.inputs):
        return [list(sample) for sample in int8_samples(graph, count)]
    return [[rng.normal(size=t.shape).astype(np.float32) for t in graph.inputs] for _ in range(count)]


def assert_equal(expected: Any, found: Any) -> None:
    for row, other in zip(expected, found, strict=True):
        for array, same in zip(row, other, strict=True):
            np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize("name", INT8_MODELS)
def test_shared_models_equal_tflm(name: str) -> None:
    data = shared_model(name).read_bytes()
    graph = verify(from_tflite(data, name), "imported")
    rows = samples(graph, 6)
    expected = run_tflm_many(data, rows)
    assert_equal(expected, [interpreter.run(graph, row) for row in rows])
    assert_equal(expected, run_tflm_many(to_tflite(graph), rows))


def test_float_borders_are_quantize_and_dequantize() -> None:
    graph = from_tflite(shared_model("mcunet_vww_80").read_bytes(), "mcunet")
    assert [graph.nodes[0].op.kind, graph.nodes[-1].op.kind] == ["quantize", "dequantize"]
    assert {t.dtype for t in (*graph.inputs, *graph.outputs)} == {DType.FLOAT32}


@pytest.mark.parametrize("kind", CASES)
def test_every_op_survives_a_round_trip(kind: str) -> None:
    for seed in range(10):
        graph = case(kind, seed)
        again = from_tflite(to_tflite(graph), graph.name)
        for row in int8_samples(graph, 4, seed):
            assert_equal([interpreter.run(graph, row)], [interpreter.run(again, row)])


def test_round_trip_of_a_network_keeps_every_line() -> None:
    graph = tiny_network()
    assert graph_text(from_tflite(to_tflite(graph), "tiny")) == graph_text(graph)


def test_shared_weights_are_one_tensor() -> None:
    first, second, *_ = from_tflite(to_tflite(tiny_network()), "tiny").nodes
    assert first.inputs[1] is second.inputs[1]
    assert first.inputs[2] is second.inputs[2]


def test_every_op_can_be_imported() -> None:
    kinds = {from_tflite(case_file(kind), kind).nodes[0].op.kind for kind in CASES}
    # in int8 an elementary function is spelled with a DEQUANTIZE in front
    assert kinds - {"dequantize"} == {op.kind for op in OPS} - {"dequantize", "elementary"}
    assert {"SQUEEZE", "EXPAND_DIMS", "PADV2", "RELU6", "RELU_N1_TO_1", "DEQUANTIZE"} <= ROWS.keys()


def test_unsupported_operators_are_reported_together() -> None:
    with pytest.raises(UnsupportedError) as error:
        from_tflite(operators_file("CEIL", "TANH", "CUMSUM", "RELU", "FLOOR"), "chain")
    text = str(error.value)
    for line in ("layer 0, CEIL, output 't1'", "layer 2, CUMSUM, output 't3'", "layer 4, FLOOR, output 't5'"):
        assert line in text
    assert "RELU" not in text
    assert error.value.exit_code == 3


def test_custom_operator_is_named() -> None:
    def custom(model: Any) -> None:
        model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CUSTOM
        model.operatorCodes[0].customCode = "MyLayer"

    with pytest.raises(UnsupportedError, match="CUSTOM 'MyLayer'"):
        from_tflite(edited(operators_file("RELU"), custom), "custom")


def test_old_files_state_the_code_in_the_first_field() -> None:
    def old(model: Any) -> None:
        for code in model.operatorCodes:
            code.deprecatedBuiltinCode, code.builtinCode = code.builtinCode, 0

    assert from_tflite(edited(case_file("conv2d"), old), "old").nodes[0].op.kind == "conv2d"


@pytest.mark.parametrize("side", [-1, 1])
def test_free_batch_is_one(side: int) -> None:
    def free(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.name in (b"image", b"first"):
                tensor.shapeSignature = [-1, *tensor.shape[1:]]
                tensor.shape = [side, *tensor.shape[1:]]

    graph = from_tflite(edited(to_tflite(tiny_network()), free), "tiny")
    assert graph_text(graph) == graph_text(tiny_network())


def test_other_free_sides_are_refused() -> None:
    def free(model: Any) -> None:
        model.subgraphs[0].tensors[0].shapeSignature = [1, -1, -1, 3]

    with pytest.raises(UnsupportedError, match=r"free sides \(axes \[1, 2\]\)"):
        from_tflite(edited(to_tflite(tiny_network()), free), "tiny")


def test_shape_computed_at_run_time_is_the_stated_one() -> None:
    """SHAPE -> PACK -> RESHAPE, as converters write it for a free batch."""
    source, flat = int8("source", 1, 2, 3, 1), int8("flat", 1, 6)
    shape, packed = Tensor("shape", (4,), DType.INT32), Tensor("packed", (2,), DType.INT32)
    model = ModelWriter()
    model.operator("SHAPE", 1, [source], [shape])
    model.operator("PACK", 1, [shape], [packed])
    model.operator("RESHAPE", 1, [source, packed], [flat])
    graph = from_tflite(model.finish(Graph("g", (), (source,), (flat,))), "g")
    assert [node.op for node in graph.nodes] == [Reshape((1, 6))]


def test_axes_computed_at_run_time_are_refused() -> None:
    source, axes, result = int8("source", 1, 4), Tensor("axes", (1,), DType.INT32), int8("result", 1)
    model = ModelWriter()
    model.operator("MEAN", 1, [source, axes], [result], schema.ReducerOptionsT())
    with pytest.raises(UnsupportedError, match=r"its axes .'axes'. is computed at run time"):
        from_tflite(model.finish(Graph("g", (), (source, axes), (result,))), "g")


@pytest.mark.parametrize(("value", "expected"), [(3, None), (-7, -7)])
def test_padv2_with_the_zero_point_is_a_plain_pad(value: int, expected: int | None) -> None:
    source, padded = int8("source", 1, 4), int8("padded", 1, 6)
    sides = Tensor.constant("sides", np.array([[0, 0], [1, 1]], np.int32))
    fill = Tensor.constant("fill", np.array(value, np.int8), source.quant)
    model = ModelWriter()
    model.operator("PADV2", 2, [source, sides, fill], [padded], schema.PadV2OptionsT())
    graph = from_tflite(model.finish(Graph("g", (), (source,), (padded,))), "g")
    assert graph.nodes[0].op == Pad((0, 1), (0, 1), expected)


def test_names_are_kept_as_untrusted_text() -> None:
    data = to_tflite(tiny_network()).replace(b"second", b'"\xff\n;\x00\xe9')
    node = from_tflite(data, "tiny").nodes[1]
    assert node.name == node.output.name == '"\ufffd\n;\x00\ufffd'


@pytest.mark.parametrize("kind", ["UINT8", "INT4", "FLOAT64", "INT16", "FLOAT16", "STRING", "RESOURCE"])
def test_other_activation_types_are_refused(kind: str) -> None:
    def retyped(model: Any) -> None:
        model.subgraphs[0].tensors[0].type = getattr(schema.TensorType, kind)

    with pytest.raises(UnsupportedError, match=kind.lower() if kind in ("UINT8", "INT4", "INT16", "FLOAT16") else kind):
        from_tflite(edited(case_file("relu"), retyped), "typed")


@pytest.mark.parametrize("axis", [None, 0])
def test_hybrid_weights_become_real_numbers(axis: int | None) -> None:
    """int8 weights between float activations, as TFLite's dynamic range quantization leaves them."""
    quant = Quant.per_tensor(0.5) if axis is None else Quant((0.5, 0.25), (0, 0), axis)
    source, result = (Tensor(name, (1, 2), DType.FLOAT32) for name in ("source", "result"))
    weights = Tensor.constant("weights", np.array([[1, -2], [4, 8]], np.int8), quant)
    graph = Graph("g", (Node("n", FullyConnected(), (source, weights), (result,)),), (source,), (result,))
    (node,) = from_tflite(to_tflite(graph), "hybrid").nodes
    second = 0.5 if axis is None else 0.25
    np.testing.assert_array_equal(node.inputs[1].values, np.array([[0.5, -1], [4 * second, 8 * second]], np.float32))


def test_a_zero_bias_scale_does_not_matter() -> None:
    def underflowed(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.name == b"bias":
                tensor.quantization.scale = np.zeros(1, np.float32)

    graph = from_tflite(edited(to_tflite(tiny_network()), underflowed), "tiny")
    assert graph.nodes[0].inputs[2].quant is None


@pytest.mark.parametrize("kind", ["conv2d", "depthwise_conv2d", "transpose_conv", "fully_connected"])
@pytest.mark.parametrize("ahead", [1, 3])
def test_biases_with_sides_of_one_become_vectors(kind: str, ahead: int) -> None:
    """The converter writes biases of [1, N] and [1, 1, 1, N], their scales along the last axis."""

    def reshaped(model: Any) -> None:
        subgraph = model.subgraphs[0]
        bias = subgraph.tensors[subgraph.operators[-1].inputs[3 if kind == "transpose_conv" else 2]]
        bias.shape = [*[1] * ahead, *bias.shape]
        bias.quantization.quantizedDimension = ahead

    seeds = [seed for seed in range(20) if len(case(kind, seed).nodes[0].inputs) == 3]
    assert any(case(kind, seed).nodes[0].inputs[2].affine.is_per_channel for seed in seeds)
    for seed in seeds:
        plain, data = case(kind, seed), edited(case_file(kind, seed), reshaped)
        graph = verify(from_tflite(data, kind), "int8")
        assert graph.nodes[-1].inputs[2].shape == plain.nodes[0].inputs[2].shape
        for row in int8_samples(plain, 4, seed):
            assert_equal([interpreter.run(plain, row)], [interpreter.run(graph, row)])


def test_a_bias_of_another_shape_is_refused() -> None:
    def matrix(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.name == b"bias":
                tensor.shape = [3, 2]
                model.buffers[tensor.buffer].data = np.zeros(24, np.uint8)

    with pytest.raises(ModelError, match="bias"):
        from_tflite(edited(to_tflite(tiny_network()), matrix), "tiny")


def test_missing_options_are_defaults_and_wrong_ones_an_error() -> None:
    def without(model: Any) -> None:
        model.subgraphs[0].operators[0].builtinOptionsType, model.subgraphs[0].operators[0].builtinOptions = 0, None

    def wrong(model: Any) -> None:
        operator = model.subgraphs[0].operators[0]
        operator.builtinOptions = schema.SoftmaxOptionsT()
        operator.builtinOptionsType = schema.BuiltinOptions.SoftmaxOptions

    assert from_tflite(edited(case_file("add"), without), "add").nodes[0].op.kind == "add"
    with pytest.raises(ModelError, match="ADD does not come with AddOptions"):
        from_tflite(edited(case_file("add"), wrong), "add")


def test_same_and_valid_become_explicit() -> None:
    op = from_tflite(to_tflite(tiny_network()), "tiny").nodes[1].op
    assert isinstance(op, Conv2D)
    assert op.padding == (1, 1, 1, 1)


def test_requantizing_is_quantize() -> None:
    graph = from_tflite(case_file("quantize"), "q")
    assert graph.nodes[0].op == Quantize()
    rows = samples(graph, 5)
    assert_equal(run_tflm_cases([(case_file("quantize"), rows)])[0], [interpreter.run(graph, row) for row in rows])
