"""Every op from float to int8: a rule for each, the bytes of TFLM, and values near the float ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.op_cases import CASES
from tests.ops.test_against_tflm import lacking_in_tflm
from tests.quantizer.nets import samples
from tests.tflm import run_litert_reference_many, run_tflm_cases
from tinyml import interpreter
from tinyml.errors import UnsupportedError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Array, DType, Graph, Node, Op, Tensor
from tinyml.ops import OPS, Dequantize, Lstm, Pad, Quantize, Svdf
from tinyml.quantizer import Calibration, Settings, compare, quantize_measured
from tinyml.quantizer.measure import to_int8
from tinyml.quantizer.rules import RULES

PLAIN = Settings("minmax", "off", "off")
KINDS = sorted(set(CASES) - {"quantize", "dequantize", "lstm", "svdf"})
SEEDS = range(4)


def test_every_op_has_a_rule() -> None:
    """Quantize and dequantize are how int8 graphs begin and end; a float graph has neither. States are int8 from the
    beginning."""
    assert set(RULES) == set(OPS) - {Quantize, Dequantize, Lstm, Svdf}


def as_float(graph: Graph) -> Graph:
    """The same ops on real numbers. Constants keep the numbers that they stand for, made smaller."""
    twins = {tensor: _float_tensor(tensor) for tensor in graph.tensors}
    nodes = [
        Node(n.name, _float_op(n.op), tuple(twins[t] for t in n.inputs), tuple(twins[t] for t in n.outputs))
        for n in graph.nodes
    ]
    inputs, outputs = ([twins[t] for t in side] for side in (graph.inputs, graph.outputs))
    return Graph(graph.name, tuple(nodes), tuple(inputs), tuple(outputs))


def _float_op(op: Op) -> Op:
    """A PAD fills with a real number, not with a code."""
    return replace(op, value=op.value / 100) if isinstance(op, Pad) and op.value is not None else op


def _float_tensor(tensor: Tensor) -> Tensor:
    if tensor.data is None:
        return Tensor(tensor.name, tensor.shape, DType.FLOAT32)
    return Tensor.constant(tensor.name, (tensor.data / max(float(np.abs(tensor.data).max()), 1.0)).astype(np.float32))


def samples_for(kind: str, graph: Graph, count: int, seed: int) -> list[tuple[Array, ...]]:
    """Those of a root are positive."""
    rows = samples(graph, count, seed)
    return [tuple(np.abs(x) + np.float32(0.2) for x in row) for row in rows] if kind == "rsqrt" else rows


def quantized(kind: str) -> list[tuple[Graph, Graph, list[tuple[Array, ...]]]]:
    """(float graph, int8 graph, float inputs) for several random cases of an op."""
    found = []
    for seed in SEEDS:
        real = as_float(CASES[kind](np.random.default_rng([seed])))
        inputs = samples_for(kind, real, 12, seed)
        found.append((real, quantize_measured(real, Calibration(inputs), PLAIN).graph, inputs))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_near_the_float_op(kind: str) -> None:
    for real, graph, inputs in quantized(kind):
        assert compare(real, graph, Calibration(inputs)).sqnr_db > 18, real


def test_bytes_of_tflm() -> None:
    """LiteRT's reference kernels where TFLM lacks the op."""
    cases = [(kind, graph, inputs) for kind in KINDS for _, graph, inputs in quantized(kind)]
    rows = [[_codes(graph, sample) for sample in inputs[:3]] for _, graph, inputs in cases]
    known = [i for i, (_, graph, _) in enumerate(cases) if not lacking_in_tflm(graph)]
    files = [to_tflite(graph) for _, graph, _ in cases]
    answers = dict(zip(known, run_tflm_cases([(files[i], rows[i]) for i in known]), strict=True))
    for i, (kind, graph, _) in enumerate(cases):
        expected = answers.get(i) or run_litert_reference_many(files[i], rows[i])
        for row, outputs in zip(rows[i], expected, strict=True):
            for ours, theirs in zip(interpreter.run(graph, row), outputs, strict=True):
                np.testing.assert_array_equal(ours, theirs.reshape(ours.shape), err_msg=kind)


def _codes(graph: Graph, sample: tuple[Array, ...]) -> list[Array]:
    return [to_int8(real, tensor.affine) for real, tensor in zip(sample, graph.inputs, strict=True)]


def test_int8_models_are_refused() -> None:
    graph = CASES["conv2d"](np.random.default_rng(0))
    with pytest.raises(UnsupportedError, match="is int8 already; only float models are quantized"):
        quantize_measured(graph, Calibration([]), PLAIN)
