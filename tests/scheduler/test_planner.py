"""Plans of random graphs: memory-safe by an independent check, never worse fused, bytes equal to the interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from codegen import select_kernels
from tests.conftest import INT8_MODELS, shared_model
from tests.host_c import c_outputs
from tests.random_graphs import random_graphs
from tests.samples import int8_samples
from tests.scheduler.shadow import check_memory
from tinyml import pipeline
from tinyml.interpreter import run
from tinyml.ir import Graph
from tinyml.passes import optimize
from tinyml.scheduler import make_plan

GRAPHS = [optimize(graph) for graph in random_graphs(5, 300)]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
@pytest.mark.parametrize("keep_inputs", [False, True], ids=["", "keep"])
def test_memory_safe_and_never_worse_than_layer_by_layer(graph: Graph, keep_inputs: bool) -> None:
    fused = make_plan(graph, select_kernels(graph), keep_inputs)
    plain = make_plan(graph, select_kernels(graph), keep_inputs, fuse=False)
    check_memory(fused)
    check_memory(plain)
    assert fused.arena_bytes <= plain.arena_bytes
    assert fused.macs_executed == plain.macs_executed == sum(step.node.macs for step in plain.steps)


# bytes measured on 2026-11-22; a smaller figure is welcome, a greater one is a regression
ARENA_BYTES = {
    "kws_int8": 5_228,
    "vww_96_int8": 28_032,
    "resnet8_int8": 16_384,
    "ad01_int8": 768,
    "streaming_ww_int8": 4_008,
    "mcunet_vww_80": 21_840,
}


@pytest.mark.parametrize("name", INT8_MODELS)
def test_arena_of_known_models(name: str) -> None:
    graph = pipeline.load(shared_model(name))
    plan = make_plan(graph, select_kernels(graph))
    check_memory(plan)
    assert plan.is_minimal
    assert plan.macs_executed == graph.macs
    assert plan.arena_bytes <= ARENA_BYTES[name]


@pytest.mark.parametrize("name", INT8_MODELS)
def test_fused_plan_equals_the_interpreter_in_c(name: str, tmp_path: Path) -> None:
    graph = pipeline.load(shared_model(name))
    samples = int8_samples(graph, 4)
    outputs = c_outputs(make_plan(graph, select_kernels(graph)), samples, tmp_path)
    for sample, got in zip(samples, outputs, strict=True):
        for want, have in zip(run(graph, sample), got, strict=True):
            np.testing.assert_array_equal(have, want)


def test_a_reader_with_several_outputs_behind_a_section() -> None:
    """Graphs as they are drawn, not optimized, hold such splits."""
    for graph in random_graphs(6, 12):
        check_memory(make_plan(graph, select_kernels(graph)))
