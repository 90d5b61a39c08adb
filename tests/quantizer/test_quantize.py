"""Whole graphs: shared scales, folding, requantization, and the files that LiteRT and TFLM run."""

from __future__ import annotations

import numpy as np
import pytest

import tinyml
from tests.conftest import shared_model
from tests.quantizer.nets import FloatNet, classifier, samples
from tests.tflm import run_litert_reference_many, run_tflm_many
from tinyml import importers, interpreter, pipeline
from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.ir import Activation, Array, DType, Graph, Node, Quant, Tensor, graph_text
from tinyml.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    Dequantize,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Quantize,
    Relu,
    Reshape,
    Softmax,
    Sub,
)
from tinyml.quantizer import Calibration, Settings, compare, quantize, quantize_measured
from tinyml.quantizer.measure import to_int8
from tinyml.quantizer.prepare import prepare

PLAIN = Settings("minmax", "off", "off")


def converted(graph: Graph, count: int = 16) -> Graph:
    return quantize_measured(graph, Calibration(samples(graph, count)), PLAIN).graph


def assert_tflm_equal(graph: Graph, inputs: list[tuple[Array, ...]]) -> None:
    """TFLM's bytes, through a file that the importer reads back and LiteRT loads."""
    data = to_tflite(graph)
    again = pipeline.optimize(from_tflite(data, graph.name))
    rows = [[to_int8(x, t.affine) for x, t in zip(sample, graph.inputs, strict=True)] for sample in inputs]
    run_litert_reference_many(data, rows[:1])
    for row, expected in zip(rows, run_tflm_many(data, rows), strict=True):
        for ours, read, theirs in zip(interpreter.run(graph, row), interpreter.run(again, row), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs.reshape(ours.shape))
            np.testing.assert_array_equal(read, ours)


@pytest.mark.parametrize("observer", ["auto", "minmax", "percentile", "mse"])
def test_a_classifier(observer: str) -> None:
    real = classifier()
    graph = quantize(real, samples(real, 40), observer=observer)
    held = samples(real, 20, seed=1)
    assert compare(real, graph, Calibration(held)).sqnr_db > 38
    assert_tflm_equal(graph, held)


@pytest.mark.parametrize(
    "name, count", [("kws_float", 12), ("ad01_float", 12), ("resnet8_float", 8), ("vww_96_float", 6)]
)
def test_reference_models(name: str, count: int) -> None:
    real = importers.load(shared_model(name))
    scale = {"kws_float": 40.0, "ad01_float": 20.0, "resnet8_float": 255.0, "vww_96_float": 1.0}[name]
    inputs = [tuple(np.abs(x) * np.float32(scale) for x in row) for row in samples(real, count)]
    graph = quantize(real, inputs, observer="minmax", equalization="on", bias_correction="on")
    assert graph.inputs[0].dtype is DType.INT8 and graph.sha256 == real.sha256
    assert_tflm_equal(graph, inputs[:4])


def test_same_samples_same_bytes() -> None:
    real = classifier()
    assert to_tflite(quantize(real, samples(real, 12))) == to_tflite(quantize(real, samples(real, 12)))


def test_weights_are_symmetric_and_biases_in_their_steps() -> None:
    graph = converted(classifier())
    for node in graph.nodes:
        if not isinstance(node.op, Conv2D | FullyConnected):
            continue
        source, weights, bias = node.inputs
        assert weights.affine.axis == 0 and not any(weights.affine.zero_points) and weights.values.min() >= -127
        assert bias.dtype is DType.INT32
        np.testing.assert_allclose(bias.affine.scales, np.array(weights.affine.scales) * source.affine.scale, rtol=1e-6)


def test_dense_weights_per_tensor_for_older_tflm() -> None:
    real = classifier()
    inputs = samples(real, 12)
    graph = quantize(real, inputs, dense_per_channel=False)
    (dense,) = [node for node in graph.nodes if isinstance(node.op, FullyConnected)]
    assert not dense.inputs[1].affine.is_per_channel and not dense.inputs[2].affine.is_per_channel
    assert_tflm_equal(graph, inputs)


def test_batch_normalization_and_activation_go_into_the_layer() -> None:
    net = FloatNet(1, 6, 6, 3)
    x = net.conv(net.input, 4, act=Activation.NONE)
    x = net.add(Mul(), x, net.constant(net.rng.uniform(0.5, 2, 4)))
    x = net.add(Sub(), x, net.constant(net.rng.normal(size=(1, 1, 1, 4))))
    x = net.add(Add(), net.constant([0.25]), x)
    real = net.graph(net.add(Relu(Activation.RELU6), x, name="out"))
    ready = prepare(real)
    assert [node.op.kind for node in ready.nodes] == ["conv2d"] and ready.outputs[0].name == "out"
    assert ready.nodes[0].op.activation is Activation.RELU6  # type: ignore[attr-defined]
    for (sample,) in samples(real, 3):
        np.testing.assert_allclose(interpreter.run(ready, sample)[0], interpreter.run(real, sample)[0], atol=1e-5)
    assert converted(real).outputs[0].affine.zero_point == -128


@pytest.mark.parametrize("reason", ["clamped", "read twice", "per pixel"])
def test_what_does_not_fold(reason: str) -> None:
    net = FloatNet(1, 4, 4, 2)
    x = net.conv(net.input, 2, act=Activation.RELU if reason == "clamped" else Activation.NONE)
    factor = np.full((1, 4, 4, 2) if reason == "per pixel" else 2, 0.5)
    scaled = net.add(Mul(), x, net.constant(factor))
    real = net.graph(scaled, *([x] if reason == "read twice" else []))
    assert [node.op.kind for node in prepare(real).nodes] == ["conv2d", "mul"]


def test_a_mean_of_the_whole_image_has_its_own_scale() -> None:
    net = FloatNet(1, 6, 4, 3)
    x = net.conv(net.input, 4)
    graph = converted(net.graph(net.add(AveragePool2D(6, 4, 6, 4), x)))
    assert isinstance(graph.nodes[1].op, Mean)
    assert graph.nodes[1].output.affine.scale < graph.nodes[0].output.affine.scale


def test_moves_share_one_quantization() -> None:
    net = FloatNet(1, 6, 6, 4)
    first = net.conv(net.input, 4)
    second = net.add(Relu(Activation.RELU6), net.add(MaxPool2D(3, 3, 1, 1), net.input))
    padded = net.add(Pad((0, 1, 1, 0), (0, 1, 1, 0), 9.0), second)
    joined = net.add(Concatenation(3), first, padded, net.constant(np.full((1, 6, 6, 1), -2.0)))
    graph = converted(net.graph(net.add(Reshape((1, 324)), joined)))
    shared = {t.quant for t in graph.tensors if t.dtype is DType.INT8 and t.name != graph.nodes[0].inputs[1].name}
    assert len(shared) == 1, graph_text(graph)
    quant = shared.pop()
    assert quant is not None and quant.scale * (127 - quant.zero_point) >= 8.9
    assert_tflm_equal(graph, samples(net.graph(joined), 4))


def test_a_fixed_scale_is_requantized_before_a_concatenation() -> None:
    net = FloatNet(1, 8)
    scores = net.add(Reshape((1, 8)), net.add(Softmax(), net.input))
    joined = net.add(Concatenation(1), scores, net.dense(net.input, 4), scores)
    real = net.graph(joined, scores)
    graph = converted(real)
    assert graph.outputs[1].quant == Softmax.OUTPUT_QUANT
    assert sum(isinstance(node.op, Quantize) for node in graph.nodes) == 1
    assert compare(real, graph, Calibration(samples(real, 8))).sqnr_db > 30
    assert_tflm_equal(graph, samples(real, 4))


def test_fixed_scales_alike_are_joined_as_they_are() -> None:
    net = FloatNet(1, 8)
    parts = [net.add(Softmax(), net.dense(net.input, 4)) for _ in range(2)]
    graph = converted(net.graph(net.add(Concatenation(1), *parts)))
    assert graph.outputs[0].quant == Quant.per_tensor(1 / 256, -128)
    assert not any(isinstance(node.op, Quantize) for node in graph.nodes)


def test_dead_channels_and_dead_tensors() -> None:
    """Weights of nothing but zeros, huge biases, and activations that are always 0."""
    net = FloatNet(1, 4, 4, 2)
    weights, bias = np.zeros((3, 1, 1, 2)), np.array([0.0, 5.0, -1e4])
    weights[2] = 1e-9
    x = net.add(Conv2D(), net.input, net.constant(weights), net.constant(bias))
    zero = net.add(Mul(), x, net.constant([0.0]))
    real = net.graph(x, net.add(Conv2D(), zero, net.weights((2, 1, 1, 3), 3), net.bias(2)))
    graph = converted(real)
    assert compare(real, graph, Calibration(samples(real, 8))).sqnr_db > 30
    assert_tflm_equal(graph, samples(real, 3))


def test_refusals() -> None:
    real = classifier()
    with pytest.raises(UsageError, match="quantization needs calibration data"):
        quantize(real, None)
    with pytest.raises(UsageError, match="observer 'best' is none of auto, minmax, percentile, mse"):
        quantize(real, "random", observer="best")
    with pytest.raises(ModelError, match="computes NaN or infinity in 'stem'"):
        quantize(real, [np.full(real.inputs[0].shape, 3e38, np.float32)])
    with pytest.raises(UnsupportedError, match="only float models are quantized"):
        quantize(converted(real), "random")


def test_what_is_neither_float_nor_int8_is_listed() -> None:
    """A float branch beside an int8 one, weights computed at run time, and an output that is a constant."""
    net = FloatNet(1, 4)
    inner = Tensor("inner", (1, 4), DType.INT8, Quant.per_tensor(0.1))
    back = Tensor("back", (1, 4), DType.FLOAT32)
    net.nodes += [Node("into", Quantize(), (net.input,), (inner,)), Node("out", Dequantize(), (inner,), (back,))]
    square = net.add(Reshape((4, 4)), net.add(Concatenation(1), *[back] * 4))
    fixed = net.constant([1.0])
    real = net.graph(net.add(FullyConnected(), back, square, name="dense"), fixed)
    with pytest.raises(UnsupportedError) as caught:
        quantize(real, "random")
    for part in (
        "'out': dequantize has no quantization rule",
        "'dense': fully_connected has weights that are computed",
    ):
        assert part in caught.value.message
    assert f"output {fixed.name!r} is a constant" in caught.value.message


def test_progress_ends_at_the_total() -> None:
    real = classifier()
    seen: list[tuple[int, int]] = []
    quantize(real, samples(real, 20), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] and [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len({total for _, total in seen}) == 1


def test_the_public_name() -> None:
    real = classifier()
    assert tinyml.quantize(real, "random", limit=4).inputs[0].dtype is DType.INT8
