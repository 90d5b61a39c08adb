"""Random float graphs of several ops: whatever their shape, the int8 graph is sound, near, and TFLM's to the byte."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from tests.graph_growth import dequantized
from tests.quantizer.nets import samples
from tests.quantizer.test_every_op import PLAIN
from tests.random_graphs import random_graphs
from tests.tflm import Case, run_tflm_cases
from tinyml import interpreter
from tinyml.errors import UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Array, DType, Graph, Node, Tensor, graph_text, verify
from tinyml.ops import Pad, Quantize, Relu
from tinyml.passes import optimize
from tinyml.quantizer import Calibration, compare, quantize_measured
from tinyml.quantizer.measure import to_codes, to_int8

COUNT = int(os.environ.get("TINYML_QUANTIZER_GRAPHS", "40"))
SEED = int(os.environ.get("TINYML_QUANTIZER_SEED", "0"))
LEAST_MEDIAN_DB = 25.0


def float_graphs() -> Iterator[Graph]:
    for graph in random_graphs(SEED, COUNT):
        kept = [node for node in graph.nodes if not isinstance(node.op, Quantize)]
        bare = graph.with_nodes(kept).substitute({n.output: n.inputs[0] for n in graph.nodes if n not in kept})
        known_to_tflm = all(not isinstance(n.op, Relu) or n.op.activation.value != "relu_n1_to_1" for n in kept)
        if known_to_tflm and kept and not set(bare.outputs) & set(bare.inputs):
            yield verify(as_float(bare), "imported")


def as_float(graph: Graph) -> Graph:
    """The same ops on the numbers that constants stand for; PAD fills with 1 where it filled with a code."""
    twins = {t: _real(t) for t in graph.tensors}
    nodes = [
        Node(
            n.name,
            Pad(n.op.before, n.op.after, 1.0) if isinstance(n.op, Pad) and n.op.value is not None else n.op,
            tuple(twins[t] for t in n.inputs),
            tuple(twins[t] for t in n.outputs),
        )
        for n in graph.nodes
    ]
    inputs, outputs = (tuple(twins[t] for t in side) for side in (graph.inputs, graph.outputs))
    return Graph(graph.name, tuple(nodes), inputs, tuple(dict.fromkeys(outputs)))


def _real(tensor: Tensor) -> Tensor:
    if tensor.data is None:
        return Tensor(tensor.name, tensor.shape, DType.FLOAT32)
    return Tensor.constant(tensor.name, dequantized(tensor, tensor.data).astype(np.float32))


def test_random_graphs() -> None:
    graphs, cases, found = [], [], []
    for number, real in enumerate(float_graphs()):
        rows = samples(real, 8, number)
        graph = optimize(quantize_measured(real, Calibration(rows), PLAIN).graph)
        found.append(compare(real, graph, Calibration(rows)).sqnr_db)
        codes = [[to_int8(x, t.affine) for x, t in zip(row, graph.inputs, strict=True)] for row in rows[:3]]
        graphs.append(graph)
        cases.append((to_tflite(graph), codes))
    require_tflm_agrees(graphs, cases)
    # a single graph may add up to nothing, or saturate
    assert np.median(found) > LEAST_MEDIAN_DB, sorted(found)


def test_random_graphs_beyond_int8() -> None:
    """int16 in all that can be, or in one layer; int4 in the rest; and passes keep the bytes."""
    graphs, cases = [], []
    for number, real in enumerate(float_graphs()):
        if number % 3 == 0:
            rows = samples(real, 4, number)
            made = mixed_graph(real, rows, "*" if number % 2 else real.nodes[number % len(real.nodes)].name)
            graph = optimize(made)
            codes = [[to_codes(x, t) for x, t in zip(row, graph.inputs, strict=True)] for row in rows[:2]]
            for ours, before in zip(interpreter.run(graph, codes[0]), interpreter.run(made, codes[0]), strict=True):
                np.testing.assert_array_equal(ours, before)
            graphs.append(graph)
            cases.append((to_tflite(graph), codes))
    assert sum(any(tensor.dtype is DType.INT16 for tensor in graph.tensors) for graph in graphs) > len(graphs) // 2
    require_tflm_agrees(graphs, cases)


def mixed_graph(real: Graph, rows: Sequence[Sequence[Array]], int16: str) -> Graph:
    """In int16 what the pattern names, in int4 all else that can be; int8 where the graph has neither."""
    for wanted in ({"int16": (int16,), "int4": ("*",)}, {"int16": (int16,)}, {"int4": ("*",)}, {}):
        with suppress(UsageError):
            return quantize_measured(real, Calibration(rows), replace(PLAIN, **wanted)).graph
    raise AssertionError("unreachable: int8 names nothing")


def require_tflm_agrees(graphs: Sequence[Graph], cases: Sequence[Case]) -> None:
    for graph, (_, rows), expected in zip(graphs, cases, run_tflm_cases(cases), strict=True):
        for row, outputs in zip(rows, expected, strict=True):
            for ours, theirs in zip(interpreter.run(graph, row), outputs, strict=True):
                np.testing.assert_array_equal(ours, theirs.reshape(ours.shape), err_msg=graph_text(graph))
