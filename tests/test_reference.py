"""What a device is compared with: TFLM on the model's own int8 .tflite, or on the one that the project holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import small_graph, write_model
from tests.op_graphs import activation, one_node
from tests.quantizer.nets import classifier, samples
from tinyml import pipeline
from tinyml.errors import UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, Node, Padding, Quant, Tensor
from tinyml.ops import AveragePool2D, Dequantize, Quantize, Tanh
from tinyml.profiler import reference
from tinyml.profiler.reference import tflm_available
from tinyml.profiler.verification import accuracy
from tinyml.quantizer import quantize
from tinyml.samples import Samples, load_samples, made_up_samples, real_inputs

DIGITS = Path(__file__).resolve().parents[1] / "examples/digits"
LARGEST_LOSS = 0.005  # of accuracy, from float to int8

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
needs_tflm = pytest.mark.skipif(not tflm_available(), reason="tflite-micro is not installed")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The files that TFLM runs."""
    files: list[bytes] = []
    run_tflm = reference.run_tflm

    def recorded(graph: Graph, model: Path, inputs: list[reference.Sample]) -> list[reference.Outputs]:
        files.append(model.read_bytes())
        return run_tflm(graph, model, inputs)

    monkeypatch.setattr(reference, "run_tflm", recorded)
    return files


@needs_gcc
@needs_tflm
def test_a_quantized_model_is_compared_by_the_file_in_the_project(tmp_path: Path, ran: list[bytes]) -> None:
    original = classifier()
    inputs = samples(original, 8)
    graph = quantize(original, inputs, observer="minmax", equalization="off", bias_correction="off")
    data = tmp_path / "data.npz"
    best = [int(np.argmax(run(original, sample)[0])) for sample in inputs]
    np.savez(data, x=np.concatenate([x for (x,) in inputs]), y=best)
    given = load_samples(data, graph)
    firmware = pipeline.build(pipeline.plan(graph), tmp_path / "out")
    assert firmware.tflite == tmp_path / "out/net.tflite" and firmware.tflite.read_bytes() == to_tflite(graph)
    assert "net.tflite" in json.loads((tmp_path / "out/firmware.json").read_text())["files"]
    for model in (original, write_model(tmp_path / "float.tflite", original)):
        verdict = pipeline.test(firmware, graph, model, given)
        assert verdict.reference == "tflm" and verdict.bit_exact and verdict.float_accuracy == 1
    assert ran == [to_tflite(graph)] * 2
    assert pipeline.test(firmware, graph, original, made_up_samples(graph, 3)).float_accuracy is None


@needs_gcc
@needs_tflm
def test_an_int8_tflite_is_run_as_it_is(tmp_path: Path, ran: list[bytes]) -> None:
    model = write_model(tmp_path / "small.TFLITE", small_graph())
    model.write_bytes(model.read_bytes() + bytes(16))  # not the bytes of an export
    graph = pipeline.load(model)
    firmware = pipeline.build(pipeline.plan(graph), tmp_path / "out")
    verdict = pipeline.test(firmware, graph, model, made_up_samples(graph, 3))
    assert verdict.bit_exact and verdict.float_accuracy is None and ran == [model.read_bytes()]


@needs_gcc
def test_what_tflite_cannot_state_is_compared_with_the_interpreter(tmp_path: Path) -> None:
    """An average with a border on all sides and stride 2 is neither SAME nor VALID."""
    image = activation(np.random.default_rng(0), "image", (1, 8, 8, 4))
    graph = one_node(AveragePool2D(3, 3, 2, 2, Padding(1, 1, 1, 1)), [image], [image.quant])
    firmware = pipeline.build(pipeline.plan(graph), tmp_path / "out")
    given = made_up_samples(graph, 4)
    verdict = pipeline.test(firmware, graph, graph, given)
    assert firmware.tflite is None and verdict.reference == "interpreter" and verdict.bit_exact
    with pytest.raises(UsageError, match="tflite"):
        pipeline.test(firmware, graph, graph, given, reference="tflm")


def test_real_inputs() -> None:
    graph = small_graph()
    quant = graph.inputs[0].affine
    (x,) = made_up_samples(graph, 1).inputs[0]
    ((real,),) = real_inputs(Samples([(x,)]), graph)
    np.testing.assert_array_equal(real, np.float32(quant.scale) * np.float32(-128 - quant.zero_point))
    assert real_inputs(Samples([(x,)], real=[(real,)]), graph)[0][0] is real


def test_digits_lose_no_accuracy() -> None:
    """The demo's int8 model against its float model, on the 500 test images."""
    original, graph = pipeline.read(DIGITS / "digits.pt2"), pipeline.load(DIGITS / "digits_int8.tflite")
    given = load_samples(DIGITS / "test_images.npz", graph)
    of_float = accuracy([run(original, sample) for sample in real_inputs(given, graph)], given.labels)
    of_int8 = accuracy([run(graph, sample) for sample in given.inputs], given.labels)
    assert of_float is not None and of_int8 is not None
    assert len(given) == 500 and of_float > 0.98 and of_float - of_int8 <= LARGEST_LOSS


def bordered(kind: DType, step: float) -> Graph:
    """A tanh between numbers of a kind: float or uint8, on either side."""
    body = DType.INT16 if kind is DType.FLOAT32 else DType.INT8
    codes = Quant.per_tensor(step, 0 if body is DType.INT16 else -3)
    outer = None if kind is DType.FLOAT32 else Quant.per_tensor(2 * step, 125)
    result = Tanh.OUTPUT_QUANT_INT16 if body is DType.INT16 else Tanh.OUTPUT_QUANT
    given, inner = Tensor("given", (1, 300), kind, outer), Tensor("inner", (1, 300), body, codes)
    end, got = (
        Tensor("end", (1, 300), body, result),
        Tensor("got", (1, 300), kind, outer and Quant.per_tensor(0.01, 99)),
    )
    ops = [(Quantize(), given, inner), (Tanh(), inner, end), (Dequantize() if outer is None else Quantize(), end, got)]
    return Graph("border", tuple(Node(t.name, op, (s,), (t,)) for op, s, t in ops), (given,), (got,))


@needs_tflm
@pytest.mark.parametrize("kind", [DType.FLOAT32, DType.UINT8])
def test_models_that_speak_uint8_or_float_around_int16(kind: DType, tmp_path: Path) -> None:
    """As TensorFlow's converter writes them by default, or with inference_input_type=tf.uint8."""
    path = tmp_path / "border.tflite"
    path.write_bytes(to_tflite(bordered(kind, 1 / 32 if kind is DType.UINT8 else 1 / 8192)))
    graph = pipeline.load(path)
    assert all(t.dtype is (DType.INT8 if kind is DType.UINT8 else DType.INT16) for t in (*graph.inputs, *graph.outputs))
    name, outputs = reference.reference_outputs(graph, path, made_up_samples(graph, 10).inputs, "tflm")
    assert name == "tflm" and len(np.unique(outputs)) > 50


def test_a_path_is_no_graph() -> None:
    for call in (lambda: run("model.tflite", np.zeros(1)), lambda: pipeline.plan("model.tflite")):  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="a Graph is expected, not str") as caught:
            call()
        assert caught.value.hint == "tinyml.load(path) reads one"
