"""Graphs with states over a sequence of inferences: interpreter = TFLM, generated C = interpreter, boards = TFLM.

More, with another seed: `python -m tests.random_models --states --seed 7 --count 1000 --c --board qemu_mps2_an386`.
"""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from codegen import Sources, generate, select_kernels
from tests import random_c
from tests.host_c import compile_host, run_host
from tests.importers.tflite_files import tiny_network
from tests.op_cases import CASES
from tests.random_models import SEQUENCE, check, from_stateful_graphs
from tests.samples import int8_samples
from tests.scheduler.shadow import check_memory
from tests.stateful_graphs import stateful_graphs, streaming_network
from tests.tflm import run_tflm_again
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.cli.facts import plan_facts
from tinyml.errors import FitError, ModelError, UnsupportedError
from tinyml.exporters.patch_search import best_patching
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.interpreter import Inferences, run
from tinyml.ir import Array, DType, Graph, Node, State, Tensor, graph_text, verify
from tinyml.ops import Relu
from tinyml.passes import optimize
from tinyml.quantizer.rules import check_rules
from tinyml.report.timeline import timeline_text
from tinyml.samples import Samples
from tinyml.scheduler import make_plan
from tinyml.scheduler.fit import require_arena_fits

BOARD = "qemu_mps2_an386"
WAKE_WORDS = ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu")


def quiet_and_loud(graph: Graph, count: int, seed: int = 0) -> list[tuple[Array, ...]]:
    """Samples that are not all noise: a deep network for sound answers those with one and the same byte."""
    rng = np.random.default_rng(seed)
    return [
        tuple(np.clip(rng.normal(rng.uniform(-120, 20), 30, t.shape), -128, 127).astype(np.int8) for t in graph.inputs)
        for _ in range(count)
    ]


def test_graphs_with_states_equal_tflm() -> None:
    faults = [f"{m.name}: {fault}" for m, fault in check(from_stateful_graphs(0, 50), SEQUENCE) if fault]
    assert not faults, "\n".join(faults)


def test_generated_c_of_graphs_with_states() -> None:
    faults = [f"{m.name}: {f}" for m, f in random_c.check_c(from_stateful_graphs(100, 12), SEQUENCE) if f]
    assert not faults, "\n".join(faults)


def test_states_matter() -> None:
    """Most of the graphs answer the same input in another way later: else the tests above would prove little."""
    differ = []
    for graph in stateful_graphs(3, 20):
        inferences, (sample,) = Inferences(graph), int8_samples(graph, 4)[3:]
        first, *later = (inferences.run(sample) for _ in range(4))
        differ.append(any((a != b).any() for row in later for a, b in zip(row, first, strict=True)))
    assert np.mean(differ) > 0.6


def test_plans_keep_memory_safe() -> None:
    fused = 0
    for graph in stateful_graphs(4, 24):
        graph = verify(optimize(graph), "int8")
        plan = make_plan(graph, select_kernels(graph))
        check_memory(plan)
        fused += sum(group.ticks > 1 for group in plan.groups)
        spans = sorted((plan.state_offsets[s.read], s.read.size_bytes) for s in graph.states)
        assert all(start + size <= after for (start, size), (after, _) in pairwise([*spans, (plan.state_bytes, 0)]))
    assert fused > 3


def test_a_file_gives_the_graph_back() -> None:
    graph = optimize(streaming_network())
    assert "state %first: int8[1x2x1x8] 0.1 * (q - -128), then %first_last\n" in graph_text(graph)
    assert graph_text(optimize(from_tflite(to_tflite(graph), graph.name))) == graph_text(graph)


def test_the_first_inference_needs_no_reset_and_a_reset_makes_one_the_first(tmp_path: Path) -> None:
    graph = verify(optimize(streaming_network()), "int8")
    sources = generate(make_plan(graph, select_kernels(graph)))
    samples = quiet_and_loud(graph, SEQUENCE)
    inferences = Inferences(graph)
    assert outputs_of(sources, graph, samples, tmp_path) == [inferences.run(sample)[0].item() for sample in samples]
    text = sources.files["streaming.c"]
    always = text.replace("if (streaming_started == 0u) {", "if (streaming_started < 2u) {")
    assert always != text and "void streaming_reset(void);" in sources.files["streaming.h"]
    forgetful = replace(sources, files={**sources.files, "streaming.c": always})
    assert outputs_of(forgetful, graph, samples, tmp_path) == [run(graph, sample)[0].item() for sample in samples]


def outputs_of(sources: Sources, graph: Graph, samples: list[tuple[Array, ...]], directory: Path) -> list[int]:
    return [int(output.item()) for (output,) in run_host(compile_host(sources, directory), graph, samples)]


@pytest.mark.parametrize("kind", ["streaming", "lstm", "svdf"])
def test_reset_means_what_it_means_in_tflm(kind: str) -> None:
    graph = streaming_network() if kind == "streaming" else CASES[kind](np.random.default_rng(3))
    samples = quiet_and_loud(graph, 6)
    inferences, rows = Inferences(graph), []
    for _ in range(2):
        rows += [inferences.run(sample) for sample in samples]
        inferences.reset()
    for ours, theirs in zip(rows, run_tflm_again(to_tflite(graph), samples), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_models_without_states_have_no_reset() -> None:
    graph = tiny_network()
    sources = generate(make_plan(graph, select_kernels(graph)))
    assert not any("reset" in text or "STATE" in text for name, text in sources.files.items() if "tiny" in name)


def test_a_board_must_hold_arena_and_states() -> None:
    graph = verify(optimize(streaming_network()), "int8")
    board = load_board(BOARD)
    needed = pipeline.plan(graph, board)
    small = needed.arena_bytes + needed.state_bytes - 1
    with pytest.raises(FitError, match=rf"and the states {needed.state_bytes} of SRAM, .* has {small}: 1 too many"):
        require_arena_fits(needed, small, board.name)
    with pytest.raises(FitError, match="states"):
        pipeline.plan(graph, board, sram_bytes=small)
    assert plan_facts(needed)["state_bytes"] == needed.state_bytes == 16 + 96
    assert "states 112 bytes, arena" in timeline_text(needed)


def test_plans_want_settled_states() -> None:
    graph = streaming_network()
    with pytest.raises(ModelError, match="not written by a node of its own"):
        make_plan(graph, select_kernels(graph))


def test_float_graphs_with_states_are_not_quantized() -> None:
    read, result = (Tensor(name, (1, 4), DType.FLOAT32) for name in ("read", "result"))
    node = Node("result", Relu(), (read,), (result,))
    state = State(read, result, np.zeros((1, 4), np.float32))
    graph = Graph("float", (node,), (Tensor("x", (1, 4), DType.FLOAT32),), (result,), states=(state,))
    with pytest.raises(UnsupportedError, match="state 'read' is kept from one inference to the next"):
        check_rules(graph)


def test_a_stateful_graph_is_not_patched() -> None:
    with pytest.raises(UnsupportedError, match="keeps states"):
        best_patching(streaming_network(), len, 1.5)  # type: ignore[arg-type]


needs_board = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)


@pytest.mark.board
@needs_board
def test_on_a_board(tmp_path: Path) -> None:
    graph = verify(optimize(streaming_network()), "int8")
    firmware = pipeline.build(pipeline.plan(graph, BOARD), tmp_path / "firmware")
    samples = Samples(quiet_and_loud(graph, SEQUENCE))
    verdict = pipeline.test(firmware, graph, graph, samples)
    assert verdict.reference == "tflm" and verdict.bit_exact, verdict.first_mismatch
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes
    assert firmware.sram["static_bytes"] >= pipeline.plan(graph, BOARD).state_bytes
    assert pipeline.bisect(graph, BOARD, samples).bit_exact


@pytest.mark.board
@needs_board
def test_random_graphs_on_a_board() -> None:
    models = from_stateful_graphs(200, 2)
    faults = [f"{m.name}: {f}" for m, f in random_c.check_on_board(models, BOARD, SEQUENCE) if f]
    assert not faults, "\n".join(faults)


@pytest.mark.board
@needs_board
@pytest.mark.parametrize("name", WAKE_WORDS)
def test_wake_words(name: str, tmp_path: Path) -> None:
    """The models of the PyPI package pymicro-wakeword."""
    package = importlib.util.find_spec("pymicro_wakeword")
    if package is None or package.origin is None:
        pytest.skip("needs the wake word models of pymicro-wakeword: pip install pymicro-wakeword==2.5.0")
    path = Path(package.origin).parent / "models" / f"{name}.tflite"
    graph = pipeline.load(path)
    firmware = pipeline.build(pipeline.plan(graph, BOARD), tmp_path / "firmware")
    verdict = pipeline.test(firmware, graph, path, Samples(quiet_and_loud(graph, SEQUENCE)), reference="tflm")
    assert verdict.bit_exact, verdict.first_mismatch
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes
