"""QDQ ONNX files: sound by the checker, the same int8 graph when read back, and a stated distance from ONNX Runtime.

Read back they compute the graph's bytes: that is the strong test. ONNX Runtime computes in float, or fuses to int8
kernels with roundings of its own: of single ops it is one step away at most, of networks a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnx
import onnxruntime

from tests.cases_wide import INT16
from tests.conftest import shared_model
from tests.importers.tflite_files import case, int8
from tests.networks import mobilenet_v2
from tests.random_graphs import random_graphs
from tests.samples import int8_samples
from tinyml import interpreter, pipeline
from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.exporters.onnx_ops import COPIES, ROWS
from tinyml.exporters.to_onnx import to_onnx
from tinyml.importers.from_onnx import import_onnx
from tinyml.ir import Array, DType, Graph, Node, Quant, Tensor, verify
from tinyml.ops import (
    OPS,
    Concatenation,
    Dequantize,
    LeakyRelu,
    Lstm,
    Pad,
    Prelu,
    Quantize,
    Relu,
    Reshape,
    Softmax,
    Svdf,
)
from tinyml.passes import optimize

Sample = Sequence[Array]
Levels = onnxruntime.GraphOptimizationLevel


def as_stated(array: Array) -> Array:
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def as_in_graph(array: Array) -> Array:
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def checked(graph: Graph) -> bytes:
    data = to_onnx(graph)
    onnx.checker.check_model(onnx.ModelProto.FromString(data), full_check=True)
    return data


def in_onnxruntime(data: bytes, graph: Graph, samples: Sequence[Sample], level: object) -> list[list[Array]]:
    """Outputs per sample, in steps of their int8 scale."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.log_severity_level, options.intra_op_num_threads = level, 4, 1
    session = onnxruntime.InferenceSession(data, options)
    found = []
    for sample in samples:
        fed = {
            port.name: as_stated((codes.astype(np.float32) - t.affine.zero_point) * np.float32(t.affine.scale))
            for port, t, codes in zip(session.get_inputs(), graph.inputs, sample, strict=True)
        }
        pairs = zip(session.run(None, fed), graph.outputs, strict=True)
        found.append([np.round(as_in_graph(r) / t.affine.scale) + t.affine.zero_point for r, t in pairs])
    return found


def furthest(graph: Graph, found: Sequence[Sequence[Array]], samples: Sequence[Sample]) -> tuple[float, float]:
    """(greatest difference in steps, share of equal values)."""
    steps = [
        np.abs(ours.astype(np.int64) - theirs).ravel()
        for sample, row in zip(samples, found, strict=True)
        for ours, theirs in zip(interpreter.run(graph, sample), row, strict=True)
    ]
    joined = np.concatenate(steps)
    return float(joined.max()), float((joined == 0).mean())


def assert_read_back(graph: Graph, data: bytes, count: int = 2) -> Graph:
    """What the importer makes of the file computes the graph's bytes."""
    imported = import_onnx(data, graph.name)
    again = verify(optimize(imported.graph), "int8")
    assert [t.quant for t in again.inputs] == [t.quant for t in graph.inputs]
    for sample in int8_samples(graph, count):
        fed = [port.to_graph(as_stated(x)) for port, x in zip(imported.inputs, sample, strict=True)]
        rows = zip(imported.outputs, interpreter.run(again, fed), interpreter.run(graph, sample), strict=True)
        for port, received, expected in rows:
            np.testing.assert_array_equal(received.ravel(), port.to_graph(as_stated(expected)).ravel())
    return again


def test_every_op_has_a_row() -> None:
    # an int8 graph has no dequantizer; what keeps states is refused
    assert set(ROWS) == set(OPS) - {Dequantize, Lstm, Svdf}


def reads_back(graph: Graph, data: bytes) -> bool:
    """What the importer takes of what the exporter can say.

    It has no softmax of another temperature and no computed slopes, it reads bytes as what they were quantized to, and
    of what only moves elements between two quantizers no int8 op may be left.
    """
    node = graph.nodes[0]
    copies = isinstance(node.op, (*COPIES, Relu)) and {t.quant for t in node.outputs} != {node.inputs[0].quant}
    computed = isinstance(node.op, Prelu) and not node.inputs[1].is_constant
    if copies or computed or (isinstance(node.op, Softmax) and node.op.beta != 1):
        return False
    if isinstance(node.op, Quantize):
        return True
    return any(not isinstance(n.op, Quantize | Dequantize) for n in import_onnx(data, "g").graph.nodes)


@pytest.mark.parametrize("kind", sorted(op.kind for op in ROWS))
def test_every_op(kind: str) -> None:
    """Within a step of onnxruntime without its fusions, and the same bytes when read back."""
    again = 0
    for seed in range(12):
        graph = case(kind, seed)
        data, samples = checked(graph), int8_samples(graph, 1)
        most, _ = furthest(graph, in_onnxruntime(data, graph, samples, Levels.ORT_DISABLE_ALL), samples)
        assert most <= 1, seed
        if reads_back(graph, data):
            assert_read_back(graph, data)
            again += 1
    assert again


def test_random_graphs_read_back() -> None:
    read = 0
    for graph in random_graphs(6, 60):
        data = checked(graph)
        try:
            import_onnx(data, graph.name)
        except UnsupportedError:
            continue
        assert_read_back(graph, data)
        read += 1
    assert read >= 40


@pytest.mark.parametrize("kind", ["conv2d", "fully_connected", "transpose_conv"])
def test_every_bias_reads_back(kind: str) -> None:
    """Also those of more steps than a float32 holds, as channels of tiny weights have them."""
    checks = 0
    for seed in range(8):
        graph = case(kind, seed)
        (node,) = graph.nodes
        for bias in node.inputs[2:]:
            codes = np.random.default_rng(seed).integers(-(2**31), 2**31, bias.shape).astype(np.int32)
            large = replace(node, inputs=(*node.inputs[:2], replace(bias, data=codes)))
            again = import_onnx(to_onnx(graph.with_nodes([large])), "g").graph
            (found,) = (n.inputs[2].values for n in again.nodes if n.op.kind == kind)
            np.testing.assert_array_equal(found, codes)
            checks += 1
    assert checks


def test_same_graph_same_bytes() -> None:
    graph = case("conv2d")
    assert to_onnx(graph) == to_onnx(graph)


def test_a_network() -> None:
    graph = mobilenet_v2(0.35, 32, 10)
    data, samples = checked(graph), int8_samples(graph, 4)
    assert_read_back(graph, data)
    for level in (Levels.ORT_DISABLE_ALL, Levels.ORT_ENABLE_ALL):
        most, _ = furthest(graph, in_onnxruntime(data, graph, samples, level), samples)
        assert most <= 3


# the greatest difference that was seen on noise, in steps of the output; behind a softmax a step of a logit is many
NEAR = {"kws_int8": 8, "vww_96_int8": 1, "resnet8_int8": 43, "ad01_int8": 2, "streaming_ww_int8": 1, "mcunet_vww_80": 1}


@pytest.mark.parametrize("name", sorted(NEAR))
def test_models(name: str) -> None:
    graph = pipeline.load(shared_model(name))
    data, samples = checked(graph), int8_samples(graph, 4)
    again = assert_read_back(graph, data)
    assert [n.op.kind for n in again.nodes if n.op.kind != "reshape"] == [
        n.op.kind for n in graph.nodes if n.op.kind != "reshape"
    ]
    most, _ = furthest(graph, in_onnxruntime(data, graph, samples, Levels.ORT_ENABLE_ALL), samples)
    assert most <= NEAR[name]


def test_what_the_file_says() -> None:
    graph = mobilenet_v2(0.35, 32, 10)
    model = onnx.ModelProto.FromString(to_onnx(graph))
    assert model.opset_import[0].version >= 13
    (image,), (logits,) = model.graph.input, model.graph.output
    assert [side.dim_value for side in image.type.tensor_type.shape.dim] == [1, 3, 32, 32]
    assert [side.dim_value for side in logits.type.tensor_type.shape.dim] == [1, 10]
    constants = {entry.name: onnx.numpy_helper.to_array(entry) for entry in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert len(convolutions) == sum(node.op.kind in ("conv2d", "depthwise_conv2d") for node in graph.nodes)
    for node in convolutions:
        weights, bias = (makers[name] for name in node.input[1:])
        codes, scales = constants[weights.input[0]], constants[weights.input[1]]
        assert codes.dtype == np.int8 and scales.shape == codes.shape[:1] and weights.attribute[0].i == 0
        assert constants[bias.input[0]].dtype == np.int32
    stated = {entry.name for entry in model.graph.value_info}
    produced = {name for node in model.graph.node for name in node.output}
    assert produced - {logits.name} <= stated and logits.name == graph.outputs[0].name


def test_bytes_that_are_read_in_another_scale() -> None:
    """A reshape copies bytes, whatever its output's scale says; so do both quantizers behind it."""
    source, output = int8("source", 1, 6), Tensor("output", (2, 3), DType.INT8, Quant.per_tensor(0.25, 5))
    graph = Graph("g", (Node("n", Reshape((2, 3)), (source,), (output,)),), (source,), (output,))
    data, samples = checked(graph), int8_samples(graph, 3)
    assert furthest(graph, in_onnxruntime(data, graph, samples, Levels.ORT_DISABLE_ALL), samples) == (0, 1)
    with pytest.raises(UnsupportedError, match="another scale or zero point"):
        import_onnx(data, "g")


def test_names() -> None:
    """Of several tensors alike, empty, and not UTF-8."""
    source = Tensor("\ud800", (1, 4), DType.INT8, Quant.per_tensor(0.25))
    inner, output = (Tensor(name, (1, 4), DType.INT8, Quant.per_tensor(0.25)) for name in ("", "\ud800"))
    nodes = (Node("", LeakyRelu(0.5), (source,), (inner,)), Node("", LeakyRelu(0.5), (inner,), (output,)))
    graph = Graph("\udfff", nodes, (source,), (output, inner, output))
    assert_read_back(graph, checked(graph))


def test_what_is_refused() -> None:
    parts = [Tensor(f"part_{at}", (1, 4), DType.INT8, Quant.per_tensor(0.1 + at)) for at in range(2)]
    joined = Tensor("joined", (1, 8), DType.INT8, Quant.per_tensor(0.1))
    padded = Tensor("padded", (1, 9), DType.INT8, Quant.per_tensor(0.1))
    nodes = (
        Node("join", Concatenation(1), tuple(parts), (joined,)),
        Node("pad", Pad((0, 1), (0, 0)), (joined,), (padded,)),
    )
    with pytest.raises(UnsupportedError, match=r"layer 0: concatenation .* are quantized differently"):
        to_onnx(Graph("g", nodes, tuple(parts), (padded,)))
    real = Tensor("real", (1, 4), DType.FLOAT32)
    with pytest.raises(ModelError, match="int8 or int16 expected"):
        to_onnx(Graph("g", (Node("d", Dequantize(), (parts[0],), (real,)),), (parts[0],), (real,)))
    with pytest.raises(UnsupportedError, match=r"state .*: ONNX keeps nothing between inferences\n  .*layer 0: svdf"):
        to_onnx(optimize(case("svdf")))
    with pytest.raises(
        UnsupportedError, match=r"layer 0: conv2d .*: int16 or int4; the quantizers of opset 17 know int8"
    ):
        to_onnx(INT16["conv2d"](np.random.default_rng(0)))


def test_without_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(UsageError, match="needs the package onnx") as failure:
        to_onnx(case("add"))
    assert "pip install onnx" in failure.value.hint
