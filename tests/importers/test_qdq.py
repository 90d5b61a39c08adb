"""Models quantized by onnxruntime become int8 graphs; the numbers are TFLite's, a step or two from onnxruntime's.

The bound is stated in steps of the output's scale: the two round differently in every layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from codegen import generate, select_kernels
from tests.architectures import ARCHITECTURES
from tests.importers.onnx_files import expected, model, node, weights
from tests.importers.onnx_mutations import contradicted
from tests.importers.test_architectures import exported
from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.from_onnx import import_onnx
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, verify
from tinyml.passes import optimize
from tinyml.samples import quantize
from tinyml.scheduler import make_plan

MOST_STEPS = 2


class Noise(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self._samples: Iterator[dict[str, Any]] = (
            {name: np.random.default_rng(seed).normal(size=shape).astype(np.float32)} for seed in range(6)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._samples, None)


def quantized(name: str, folder: Path, activations: Any, per_channel: bool) -> bytes:
    source, target = folder / "float.onnx", folder / "int8.onnx"
    source.write_bytes(exported(name))
    (port,) = onnx.load(source).graph.input
    reader = Noise(port.name, ARCHITECTURES[name][1])
    quantize_static(
        source,
        target,
        reader,
        QuantFormat.QDQ,
        per_channel=per_channel,
        activation_type=activations,
        weight_type=QuantType.QInt8,
    )
    return target.read_bytes()


@pytest.mark.parametrize("activations", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("name", ["lenet", "mobilenet_v2", "mobilenet_v3", "shufflenet", "ssd_heads", "unet_nearest"])
def test_a_few_steps_from_onnxruntime(name: str, activations: str, tmp_path: Path) -> None:
    data = quantized(name, tmp_path, QuantType[activations], per_channel=activations == "QInt8")
    imported = import_onnx(data, name)
    graph = verify(optimize(imported.graph), "int8")
    sample = np.random.default_rng(99).normal(size=ARCHITECTURES[name][1]).astype(np.float32)
    found = run(graph, [quantize(imported.inputs[0].to_graph(sample), graph.inputs[0])])
    theirs = expected(data, {imported.inputs[0].name: sample})
    for port, tensor, ours, real in zip(imported.outputs, graph.outputs, found, theirs, strict=True):
        steps = port.to_graph(real) / tensor.affine.scale + tensor.affine.zero_point
        assert np.abs(ours - steps).max() <= MOST_STEPS
    assert generate(make_plan(graph, select_kernels(graph)))


def test_contradictions(tmp_path: Path) -> None:
    """Each ends in C or in one clear error."""
    data = quantized("mobilenet_v3", tmp_path, QuantType.QInt8, per_channel=True)
    outcomes: Counter[str] = Counter()
    for damaged in contradicted(data, 100, seed=1):
        try:
            graph = verify(optimize(import_onnx(damaged, "hostile").graph), "int8")
            outcomes["C"] += bool(generate(make_plan(graph, select_kernels(graph))))
        except (ModelError, UnsupportedError) as error:
            outcomes[type(error).__name__] += bool(error.message)
    assert len(outcomes) == 3 and sum(outcomes.values()) == 100


SCALE, ZERO = np.array(0.05, np.float32), np.array(3, np.int8)


def by_hand(
    operator: Any, constants: dict[str, Any], after: Any = None, shape: tuple[int, ...] = (1, 4, 5, 5)
) -> Graph:
    """x -> quantize, dequantize -> operator (reads "real", writes "computed") -> quantize, dequantize -> y."""
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["real"]),
        *([operator] if not isinstance(operator, list) else operator),
        node("QuantizeLinear", ["computed", "t", "z"], ["r"]),
        node("DequantizeLinear", ["r", "t", "z"]),
    ]
    scales = {"s": SCALE, "z": ZERO, "t": SCALE if after is None else np.array(after, np.float32)}
    made = model(nodes, {"x": shape}, {**scales, **constants})
    return optimize(import_onnx(made.SerializeToString(), "by_hand").graph)


def kinds(graph: Graph) -> list[str]:
    return [n.op.kind for n in graph.nodes]


def test_weights_are_the_integers_of_the_file() -> None:
    codes = np.random.default_rng(0).integers(-127, 128, (6, 4, 3, 3)).astype(np.int8)
    scales = np.linspace(0.001, 0.02, 6).astype(np.float32)
    bias = np.arange(-3, 3, dtype=np.int32) * 1000
    operators = [
        node("DequantizeLinear", ["codes", "scales", "zeros"], ["w"], axis=0),
        node("DequantizeLinear", ["bias", "steps"], ["b"], axis=0),
        node("Conv", ["real", "w", "b"], ["computed"]),
    ]
    steps = (SCALE * scales).astype(np.float32)
    graph = by_hand(
        operators, {"codes": codes, "scales": scales, "zeros": np.zeros(6, np.int8), "bias": bias, "steps": steps}, 0.5
    )
    (conv,) = graph.nodes
    np.testing.assert_array_equal(conv.inputs[1].values, codes.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(conv.inputs[2].values, bias)
    np.testing.assert_allclose(conv.inputs[1].affine.scales, scales)
    assert conv.inputs[1].affine.axis == 0 and conv.inputs[2].dtype is DType.INT32
    assert conv.output.affine.scale == pytest.approx(0.5) and conv.output.affine.zero_point == 3


def test_uint8_moves_down_by_128() -> None:
    zero = np.array(128, np.uint8)
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["a"]),
        node("MaxPool", ["a"], ["b"], kernel_shape=[2, 2]),
        node("QuantizeLinear", ["b", "s", "z"], ["r"]),
        node("DequantizeLinear", ["r", "s", "z"]),
    ]
    made = model(nodes, {"x": (1, 2, 4, 4)}, {"s": SCALE, "z": zero})
    graph = optimize(import_onnx(made.SerializeToString(), "x").graph)
    assert kinds(graph) == ["max_pool2d"] and graph.inputs[0].affine.zero_point == 0


def test_moves_keep_their_quantization_and_rescale_where_the_file_does() -> None:
    pool = node("MaxPool", ["real"], ["computed"], kernel_shape=[2, 2])
    assert kinds(by_hand(pool, {})) == ["max_pool2d"]
    assert kinds(by_hand(pool, {}, 0.1)) == ["max_pool2d", "quantize"]
    shape = {"shape": np.array([1, 100], np.int64)}
    flat = by_hand(node("Reshape", ["real", "shape"], ["computed"]), shape, shape=(1, 100, 1, 1))
    assert kinds(flat) == ["reshape"]


def test_ops_with_a_quantization_of_their_own() -> None:
    graph = by_hand(node("Sigmoid", ["real"], ["computed"]), {})
    assert kinds(graph) == ["logistic", "quantize"]
    assert graph.nodes[0].output.affine.scale == 1 / 256


def test_a_concatenation_brings_its_operands_together() -> None:
    operators = [
        node("MaxPool", ["real"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("QuantizeLinear", ["a", "u", "z"], ["aq"]),
        node("DequantizeLinear", ["aq", "u", "z"], ["ar"]),
        node("Concat", ["ar", "real"], ["computed"], axis=1),
    ]
    graph = by_hand(operators, {"u": np.array(0.07, np.float32)}, 0.07)
    assert kinds(graph) == ["max_pool2d", "quantize", "quantize", "concatenation"]
    assert {tensor.quant for tensor in graph.nodes[-1].inputs} == {graph.outputs[0].quant}


def test_a_model_that_is_quantized_in_part_names_the_rest() -> None:
    operators = [node("Tanh", ["real"], ["a"]), node("Add", ["a", "real"], ["b"]), node("Relu", ["b"], ["computed"])]
    graph = by_hand(operators, {})  # tanh has a range of its own, the relu is the sum's
    assert kinds(graph) == ["tanh", "add"]
    operators = [node("HardSwish", ["real"], ["a"]), node("Add", ["a", "real"], ["computed"])]
    with pytest.raises(UnsupportedError, match="quantized in part") as error:
        by_hand(operators, {})
    assert "hard_swish, output 'a': its output is not quantized" in error.value.message
    assert error.value.exit_code == 3 and "float model" in error.value.hint


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"codes": weights(2, 4, 1, 1)}, "a constant of float32"),
        ({"scales": np.array([0.1, 0.2, 0.3], np.float32)}, "3 scales"),
        ({"scales": np.array([-0.1, 0.1], np.float32)}, "finite and above 0"),
        ({"zeros": np.zeros(2, np.uint8)}, "zero points of uint8"),
        ({"zeros": np.array([0, 4], np.int8)}, "not around 0"),
    ],
)
def test_scales_that_do_not_fit(constants: dict[str, Any], message: str) -> None:
    operators = [
        node("DequantizeLinear", ["codes", "scales", "zeros"], ["w"], axis=0),
        node("Conv", ["real", "w"], ["computed"]),
    ]
    sound = {
        "codes": np.ones((2, 4, 1, 1), np.int8),
        "scales": np.full(2, 0.1, np.float32),
        "zeros": np.zeros(2, np.int8),
    }
    with pytest.raises((ModelError, UnsupportedError), match=message):
        by_hand(operators, {**sound, **constants})


def test_quantized_tensors_are_only_dequantized() -> None:
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("Relu", ["q"])]
    with pytest.raises(UnsupportedError, match="of a quantized tensor"):
        import_onnx(model(nodes, {"x": (1, 4)}, {"s": SCALE, "z": ZERO}).SerializeToString(), "x")
