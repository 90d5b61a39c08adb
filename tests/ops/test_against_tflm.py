"""Every op in numpy equals TensorFlow Lite Micro to the byte, on random one-node graphs.

`TINYML_OP_CASES=1000 TINYML_OP_SEED=7 pytest tests/ops/test_against_tflm.py` runs more and others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pytest

from tests import cases_wide
from tests.op_cases import CASES
from tests.samples import int8_samples
from tests.tflm import run_litert_reference_many, run_tflm_cases
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import Inferences
from tinyml.ir import Activation, Array, Graph, graph_text
from tinyml.ops import OPS, Gelu, Relu

EVERY = {
    **CASES,
    **{f"{kind}-int16": make for kind, make in cases_wide.INT16.items()},
    **{f"{kind}-int4": make for kind, make in cases_wide.INT4.items()},
}
COUNT = int(os.environ.get("TINYML_OP_CASES", "25"))
SEED = int(os.environ.get("TINYML_OP_SEED", "0"))
SAMPLES = 5  # all -128, all 127, all zero point, and random ones


def lacking_in_tflm(graph: Graph) -> bool:
    """The cases that TFLM has no kernel for: LiteRT's reference kernels are their oracle."""
    op = graph.nodes[0].op
    return isinstance(op, Gelu) or (isinstance(op, Relu) and op.activation is Activation.RELU_N1_TO_1)


@pytest.mark.parametrize("case", EVERY)
def test_numpy_equals_tflm(case: str) -> None:
    graphs = [EVERY[case](np.random.default_rng([SEED, index])) for index in range(COUNT)]
    graphs = [graph for graph in graphs if not lacking_in_tflm(graph)]
    samples = [int8_samples(graph, SAMPLES, seed) for seed, graph in enumerate(graphs)]
    cases = [(to_tflite(graph), rows) for graph, rows in zip(graphs, samples, strict=True)]
    for graph, rows, expected in zip(graphs, samples, run_tflm_cases(cases), strict=True):
        check(graph, rows, expected)


@pytest.mark.parametrize("kind", CASES)
def test_numpy_equals_litert_where_tflm_lacks_the_op(kind: str) -> None:
    graphs = [CASES[kind](np.random.default_rng([SEED, index])) for index in range(COUNT)]
    for seed, graph in enumerate(filter(lacking_in_tflm, graphs)):
        rows = int8_samples(graph, SAMPLES, seed)
        check(graph, rows, run_litert_reference_many(to_tflite(graph), rows))


def test_every_int8_op_has_cases() -> None:
    assert {op.kind for op in OPS} - {"dequantize"} == set(CASES)


def check(graph: Graph, rows: Sequence[Sequence[Array]], expected: Sequence[Sequence[Array]]) -> None:
    inferences = Inferences(graph)
    for sample, outputs in zip(rows, expected, strict=True):
        for ours, theirs in zip(inferences.run(sample), outputs, strict=True):
            assert ours.shape == theirs.shape, graph_text(graph)
            differing = np.count_nonzero(ours != theirs)
            assert not differing, f"{differing} values differ\n{graph_text(graph)}"
