"""Random models: the interpreter equals TensorFlow Lite Micro, and the generated C the interpreter, in every value.

More, with another seed: `python -m tests.random_models --seed 7 --count 5000 --c`; `--tf` for the converter's files.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from codegen import Sources, generate
from tests import random_c
from tests.host_c import plan_graph
from tests.random_graphs import random_graphs
from tests.random_models import check, from_graphs, from_sequence_graphs, from_tensorflow, mutate
from tests.samples import int8_samples
from tests.sequence_graphs import sequence_graphs
from tinyml.interpreter import run, run_all
from tinyml.ir import Graph, graph_text
from tinyml.ops import OPS
from tinyml.scheduler import Plan


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


@pytest.mark.parametrize("seed", range(100, 106))
def test_generated_c_of_graphs_and_mutants(seed: int) -> None:
    faults = [f"{model.name}: {fault}" for model, fault in random_c.check_c(from_graphs(seed, 30)) if fault]
    assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 102))
def test_generated_c_of_the_tensorflow_converters_files(seed: int) -> None:
    pytest.importorskip("tensorflow", reason="the converter comes with tensorflow-cpu")
    faults = [f"{model.name}: {fault}" for model, fault in random_c.check_c(from_tensorflow(seed, 40)) if fault]
    assert not faults, "\n".join(faults)


def test_the_check_of_c_sees_faults_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """One model in C that does not compile, one that reads beyond its arena, one of another model's numbers."""
    models = list(islice((m for m in from_graphs(8, 60) if "_mutant" not in m.name and m.int8.nodes), 6))
    other = models[3].int8
    while plan_graph(other).arena_bytes == 0 or not _differs(other, models[3].int8):
        other = replace(mutate(models[3].int8, np.random.default_rng(4)), name=models[3].int8.name)
    plans = {model.name: random_c.plan_variant(model, 0) for model in models}
    plans[models[3].name] = plan_graph(other)

    def broken(plan: Plan) -> Sources:
        sources = generate(plan)
        source = f"{sources.name}.c"
        text = sources.files[source]
        if plan.graph.name == models[1].name:
            text += "#error broken\n"
        if plan.graph.name == models[4].name:
            text = text.replace(f"{sources.name}_arena[{sources.name.upper()}_ARENA_BYTES]", f"{sources.name}_arena[1]")
            text = text.replace("_Static_assert(sizeof", "_Static_assert(1 || sizeof")
        return replace(sources, files={**sources.files, source: text})

    monkeypatch.setattr(random_c, "plan_variant", lambda model, number: plans[model.name])
    monkeypatch.setattr(random_c, "generate", broken)
    faults = [fault for _, fault in random_c.check_c(models)]
    assert [bool(fault) for fault in faults] == [False, True, False, True, True, False]
    assert "#error broken" in faults[1]
    assert "differs from the interpreter" in faults[3]


def _differs(graph: Graph, other: Graph) -> bool:
    """Whether their outputs are alike in shape but not in value."""
    if [t.shape for t in graph.outputs] != [t.shape for t in other.outputs]:
        return False
    (sample,) = int8_samples(graph, 4)[3:]
    return any((a != b).any() for a, b in zip(run(graph, sample), run(other, sample), strict=True))


def test_plans_differ() -> None:
    models = list(from_graphs(9, 80))
    plans = [random_c.plan_variant(model, number) for number, model in enumerate(models)]
    assert sum(plan.keeps_input for plan in plans) == 20
    assert sum(plan.fed is not None for plan in plans) > 3
    assert sum(any(group.ticks > 1 for group in plan.groups) for plan in plans) > 10
    assert sum(any(b.rows < b.tensor.hwc[0] for b in plan.buffers.values()) for plan in plans) > 5
    assert sum(plan.unsliced is not None for plan in plans) > 1
    assert sum(any(t.is_constant for n in plan.graph.nodes for t in n.operands) for plan in plans) > 5
    assert sum(model.graph.inputs[0].dtype.is_float for model in models) == 16
    assert {1, 2} <= {len(plan.graph.inputs) for plan in plans}
    assert {1, 2} <= {len(plan.graph.outputs) for plan in plans}


def test_a_seed_gives_the_same_graphs() -> None:
    first, second = ([graph_text(graph) for graph in random_graphs(5, 6)] for _ in range(2))
    assert first == second
    assert first[4:] == [graph_text(graph) for graph in random_graphs(5, 6)][4:]
    assert len(set(first)) == 6


def test_graphs_reach_every_op() -> None:
    graphs = (*random_graphs(0, 120), *sequence_graphs(0, 120))
    kinds = {node.op.kind for graph in graphs for node in graph.nodes}
    # lstm and svdf: tests/stateful_graphs.py; TFLM has no gelu: tests/importers/test_transformers.py
    assert kinds == {op.kind for op in OPS} - {"dequantize", "lstm", "svdf", "gelu"}


def test_sequence_graphs_equal_tflm_and_their_c() -> None:
    models = list(from_sequence_graphs(3, 60))
    faults = [f"{m.name}: {fault}" for m, fault in (*check(models, 3), *random_c.check_c(models[:20], 3)) if fault]
    assert not faults, "\n".join(faults)


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
