"""Random models: the interpreter equals TensorFlow Lite Micro in every value of every output.

More, with another seed: `python -m tests.random_models --seed 7 --count 5000`, with `--tf` for the converter's files.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.random_graphs import random_graphs
from tests.random_models import check, from_graphs, from_tensorflow, mutate
from tinyml.interpreter import run_all
from tinyml.ir import graph_text
from tinyml.ops import OPS


@pytest.mark.parametrize("seed", range(4))
def test_graphs_and_mutants_equal_tflm(seed: int) -> None:
    faults = [f"{model.name}: {fault}" for model, fault in check(from_graphs(seed, 100)) if fault]
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_files_of_the_tensorflow_converter_equal_tflm(seed: int) -> None:
    pytest.importorskip("tensorflow", reason="the converter comes with tensorflow-cpu")
    faults = [f"{model.name}: {fault}" for model, fault in check(from_tensorflow(seed, 150)) if fault]
    assert not faults, "\n".join(faults)


def test_a_seed_gives_the_same_graphs() -> None:
    first, second = ([graph_text(graph) for graph in random_graphs(5, 6)] for _ in range(2))
    assert first == second
    assert first[4:] == [graph_text(graph) for graph in random_graphs(5, 6)][4:]
    assert len(set(first)) == 6


def test_graphs_reach_every_op() -> None:
    kinds = {node.op.kind for graph in random_graphs(0, 120) for node in graph.nodes}
    assert kinds == {op.kind for op in OPS} - {"dequantize"}


def test_values_stay_alive() -> None:
    """Most outputs of most graphs take many values: a check of dead tensors would prove nothing."""
    alive: list[bool] = []
    for graph in random_graphs(1, 100):
        rng = np.random.default_rng(0)
        values = run_all(graph, [rng.integers(-128, 128, t.shape).astype(np.int8) for t in graph.inputs])
        alive += [len(np.unique(values[t])) >= min(t.size, 4) for n in graph.nodes for t in n.outputs if t.size > 3]
    assert np.mean(alive) > 0.9


def test_mutants_differ_from_their_originals() -> None:
    graphs = list(random_graphs(3, 40))
    mutants = [mutate(graph, np.random.default_rng(index)) for index, graph in enumerate(graphs)]
    changed = [graph_text(a) != graph_text(b).replace("_mutant", "") for a, b in zip(graphs, mutants, strict=True)]
    assert np.mean(changed) > 0.5  # the text does not show weights
