"""All passes on graphs with useless channels: every output keeps its bytes, in the interpreter, in C and in TFLM.

`TINYML_TEST_GRAPHS=2000 pytest tests/passes/test_pruned_graphs.py` runs more.
"""

from __future__ import annotations

import os

import numpy as np

from tests.passes.graphs import assert_same_bytes
from tests.pruned_graphs import pruned_graphs
from tests.random_c import check_c
from tests.random_models import RandomModel
from tests.samples import int8_samples
from tests.tflm import run_tflm_cases
from tinyml.exporters.to_tflite import to_tflite
from tinyml.interpreter import run, run_all
from tinyml.ir import graph_text
from tinyml.passes import optimize
from tinyml.passes.ranges import value_ranges

COUNT = int(os.environ.get("TINYML_TEST_GRAPHS", "200"))


def test_all_passes_keep_the_bytes() -> None:
    before_macs = after_macs = smaller = 0
    for before in pruned_graphs(1, COUNT):
        after = optimize(before)
        try:
            assert_same_bytes(before, after, 5)
        except AssertionError as error:
            raise AssertionError(f"{graph_text(before)}\nbecame\n{graph_text(after)}") from error
        assert optimize(after) is after
        assert after.macs <= before.macs
        before_macs, after_macs = before_macs + before.macs, after_macs + after.macs
        smaller += after.macs < before.macs
    assert smaller > COUNT // 2 and after_macs < 0.75 * before_macs


def test_every_value_is_in_its_range() -> None:
    for graph in pruned_graphs(2, COUNT // 2):
        ranges = value_ranges(graph)
        for sample in int8_samples(graph, 4):
            for tensor, values in run_all(graph, sample).items():
                if tensor in ranges and tensor in graph.producer:
                    low, high = ranges[tensor]
                    assert (values >= low).all() and (values <= high).all(), f"{tensor}\n{graph_text(graph)}"


def test_c_of_rewritten_graphs_gives_the_bytes_of_the_original() -> None:
    models = [RandomModel(graph, b"") for graph in pruned_graphs(3, 20)]
    assert [(model.name, fault) for model, fault in check_c(models) if fault] == []


def test_tflm_gives_the_bytes_of_the_original_from_rewritten_graphs() -> None:
    graphs = list(pruned_graphs(4, 40))
    cases = [(to_tflite(optimize(graph)), int8_samples(graph, 3)) for graph in graphs]
    for graph, (_, samples), answers in zip(graphs, cases, run_tflm_cases(cases), strict=True):
        for sample, found in zip(samples, answers, strict=True):
            for mine, theirs in zip(run(graph, sample), found, strict=True):
                np.testing.assert_array_equal(theirs, mine, graph.name)
