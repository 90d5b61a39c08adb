"""Columns that strips share, computed again: safe, counted, equal to the byte, as small as brute force, no larger."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen import generate, select_kernels
from tests.host_c import compile_together, run_host
from tests.networks import Net
from tests.random_graphs import random_graphs
from tests.samples import int8_samples
from tests.scheduler.shadow import check_memory
from tests.scheduler.test_recompute import blocks, everything, executed
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.interpreter import run
from tinyml.ir import Graph, Node
from tinyml.passes import optimize
from tinyml.report.files import write_timeline
from tinyml.samples import made_up_samples
from tinyml.scheduler import Plan, make_plan, planner
from tinyml.scheduler.inside import tensors_inside
from tinyml.scheduler.network import Knobs, Network
from tinyml.scheduler.pareto import pareto_front
from tinyml.scheduler.planner import Task
from tinyml.scheduler.rows import Lockstep
from tinyml.scheduler.sections import Section

KEEPING = Knobs(columns_again=False)
SMALLER = 3, 2.5  # seed and factor of a graph below whose arena is smaller with columns computed again


def halos(seed: int) -> Graph:
    """Two depthwise layers between an expansion and a projection: several tensors whose columns strips share."""
    rng = np.random.default_rng(seed)
    net = Net(f"halos_{seed}", int(rng.integers(14, 30)), int(rng.integers(1, 4)), seed)
    wide = net.conv(net.input, int(rng.integers(8, 25)), int(rng.choice([1, 3])))
    x = net.depthwise(wide, int(rng.choice([3, 5])), 1)
    x = net.depthwise(x, int(rng.choice([3, 5])), 1)
    y = net.conv(x, int(rng.integers(2, 9)), 1, relu=False)
    y = net.depthwise(y, 3, 2) if seed % 2 else y
    return Graph(net.name, tuple(net.nodes), (net.input,), (y,))


def uses(plan: Plan) -> bool:
    return any(step.columns is not None and step.columns.again for step in plan.steps)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips stay as narrow as the search took them to be."""
    monkeypatch.setattr(planner, "_widened", lambda draft, kernels: draft)


def with_columns(network: Network, sections: list[Section]) -> Iterator[list[Section]]:
    """The same with every choice of what computes columns again."""
    choices = []
    for section in sections:
        spans = tensors_inside(network, section, {}).tensors
        shared = [network.producer(t) for t, span in spans.items() if span.columns is not None and span.columns.keeps]
        sets = (frozenset[Node](found) for n in range(len(shared) + 1) for found in itertools.combinations(shared, n))
        choices.append([replace(section, columns_again=found) for found in sets])
    yield from map(list, itertools.product(*choices))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("fed", [False, True], ids=["resident", "rows"])
@pytest.mark.parametrize("seed", range(5))
def test_as_small_as_brute_force(seed: int, fed: bool) -> None:
    graph = halos(seed)
    candidates = select_kernels(graph)
    task = Task.of(graph, candidates, feed_rows=fed)
    network = task.network
    plans = [task.finished(cut) for found in everything(network) for cut in with_columns(network, found)]
    assert sum(map(uses, plans)) >= 4
    for factor in (1.0, 1.5, 4.0):
        best = min(plan.arena_bytes for plan in plans if plan.macs_executed <= factor * graph.macs)
        assert make_plan(graph, candidates, feed_rows=fed, max_recompute=factor).arena_bytes == best


@pytest.mark.parametrize("factor", [1.0, 1.2, 2.5])
def test_never_larger_and_within_the_bound(factor: float) -> None:
    smaller = 0
    for seed, fed in itertools.product(range(5), (False, True)):
        graph = halos(seed)
        kernels = select_kernels(graph)
        again = make_plan(graph, kernels, feed_rows=fed, max_recompute=factor)
        kept = make_plan(graph, kernels, feed_rows=fed, max_recompute=factor, knobs=KEEPING)
        check_memory(again)
        assert not uses(kept)
        assert again.arena_bytes <= kept.arena_bytes
        assert again.macs_executed <= factor * graph.macs
        smaller += again.arena_bytes < kept.arena_bytes
        if factor == 1.0:
            assert generate(again).files == generate(kept).files
    assert (smaller > 0) == (factor >= 2.0)


def anyhow(network: Network, rng: np.random.Generator) -> Iterator[Section]:
    """Groups as long as they can be, in which many nodes compute rows again, and columns wherever strips share some."""
    first = 0
    while first < len(network.nodes):
        operands = [tensor for tensor in network.nodes[first].operands if tensor.in_arena]
        lockstep = Lockstep.paced_by(max(operands, key=lambda t: t.hwc[0]), network.fused, network.readers)
        end = first
        while end < len(network.nodes):
            for view in network.views_before[end]:
                lockstep.add_view(view)
            if not lockstep.add(network.nodes[end]):
                break
            end += 1
        nodes = network.nodes[first:end]
        inside = [n for n in nodes[:-1] if n.output in network.life and network.life[n.output].last < end]
        kernels = ((node, network.fused[node]) for node in inside)
        by_rows = [node for node, k in kernels if k.by_rows and not k.accumulates and node.output.hwc[0] > 1]
        again = frozenset(node for node in by_rows if rng.random() < 0.8)
        if nodes:
            yield Section(first, end - 1, lockstep, again=again, columns_again=frozenset(nodes))
        else:
            yield Section(first, first, None)
        first = max(end, first + 1)


def forced_plans() -> Iterator[tuple[Graph, Plan]]:
    """Of random graphs and of blocks with skip connections; only such that use it."""
    graphs = [*map(optimize, random_graphs(8, 100)), *map(blocks, range(6)), *map(halos, range(3))]
    for seed, graph in enumerate(graphs):
        task = Task.of(graph, select_kernels(graph))
        sections = list(anyhow(task.network, np.random.default_rng(seed)))
        spans = [span for section in sections for span in tensors_inside(task.network, section, {}).tensors.values()]
        if any(span.columns is not None and span.columns.again for span in spans):
            yield graph, task.finished(sections)


@pytest.mark.usefixtures("narrow")
def test_random_graphs_are_safe_and_equal_to_the_interpreter_and_to_the_counted_work(tmp_path: Path) -> None:
    plans = list(forced_plans())
    assert len(plans) >= 12
    for _, plan in plans:
        assert uses(plan)
        check_memory(plan)
    named = [replace(plan, graph=replace(plan.graph, name=f"plan_{n}")) for n, (_, plan) in enumerate(plans)]
    program = compile_together([generate(plan) for plan in named], tmp_path)
    for number, (graph, _) in enumerate(plans):
        samples = int8_samples(graph, 3, seed=number)
        for sample, got in zip(samples, run_host(program, graph, samples, number), strict=True):
            for want, have in zip(run(graph, sample), got, strict=True):
                np.testing.assert_array_equal(have, want, err_msg=f"{graph.name}, plan {number}")
    for number, (_, plan) in enumerate(plans[-3:]):
        directory = tmp_path / str(number)
        directory.mkdir()
        assert executed(plan, directory) == plan.macs_executed > plan.graph.macs


def test_a_person_sees_what_is_computed_again(tmp_path: Path) -> None:
    graph = halos(SMALLER[0])
    plan = make_plan(graph, select_kernels(graph), max_recompute=SMALLER[1])
    again = [step for step in plan.steps if step.column_recompute > 1]
    assert again and uses(plan)
    for suffix in (".txt", ".json"):
        write_timeline(tmp_path / f"plan{suffix}", plan)
    text = (tmp_path / "plan.txt").read_text(encoding="utf-8")
    assert all(f"columns computed {step.column_recompute:.2f} times" in text for step in again)
    facts = json.loads((tmp_path / "plan.json").read_text())
    assert [step["column_recompute"] > 1 for step in facts["steps"]] == [step in again for step in plan.steps]
    sources = generate(plan)
    assert "shared columns again */" in sources.files[f"{sources.name}.c"]


@pytest.mark.board
@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)
def test_board_equals_tflm(tmp_path: Path) -> None:
    graph = halos(SMALLER[0])
    board = load_board("qemu_mps2_an386")
    plan = pipeline.plan(graph, board, feed="resident", max_recompute=SMALLER[1])
    assert uses(plan)
    firmware = pipeline.build(plan, tmp_path / "firmware", board=board)
    verdict = pipeline.test(firmware, graph, graph, made_up_samples(graph, 4), reference="tflm")
    assert verdict.bit_exact and verdict.reference == "tflm"
    assert verdict.peak_arena_bytes <= plan.arena_bytes
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes


def test_steps_that_compute_again_are_bisected() -> None:
    graph = halos(SMALLER[0])
    assert pipeline.bisect(graph, "host", feed="resident", max_recompute=SMALLER[1]).bit_exact


def test_a_limit_and_a_front_that_take_it() -> None:
    graph = halos(SMALLER[0])
    kernels = select_kernels(graph)
    best = make_plan(graph, kernels, max_recompute=SMALLER[1])
    fits = make_plan(graph, kernels, max_recompute=SMALLER[1], limit_bytes=best.arena_bytes)
    assert uses(fits) and fits.arena_bytes <= best.arena_bytes
    *front, last = pareto_front(Task.of(graph, kernels), SMALLER[1])
    assert uses(last) and last.arena_bytes == best.arena_bytes
    assert not any(map(uses, front)) and all(plan.macs_executed < last.macs_executed for plan in front)
