"""Networks of int16 activations and int4 weights: one result from numpy, TFLM, C in every form of plan, a board."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen import generate, select_kernels
from tests.host_c import compile_together, run_host
from tests.samples import int8_samples
from tests.tflm import run_tflm_cases
from tests.wide_networks import all_int16, mixed
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.device import protocol
from tinyml.exporters.to_tflite import to_tflite
from tinyml.firmware import build_firmware
from tinyml.importers.from_tflite import from_tflite
from tinyml.interpreter import run
from tinyml.ir import DType, Graph, graph_text, verify
from tinyml.passes import optimize
from tinyml.samples import made_up_samples
from tinyml.scheduler import Plan, make_plan

NETWORKS: dict[str, Callable[[], Graph]] = {"mixed": mixed, "all_int16": all_int16}


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Graph:
    return verify(NETWORKS[request.param](), "int8")


def test_numpy_equals_tflm(network: Graph) -> None:
    rows = int8_samples(network, 12)
    (outputs,) = run_tflm_cases([(to_tflite(network), rows)])
    found = set()
    for sample, expected in zip(rows, outputs, strict=True):
        for ours, theirs in zip(run(network, sample), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
            found |= set(np.unique(ours))
    assert len(found) > 12  # outputs that saturate would show little


def test_files_keep_the_graph(network: Graph) -> None:
    again = verify(from_tflite(to_tflite(network), network.name), "int8")
    assert graph_text(again) == graph_text(network)
    constants = ([t.values for t in graph.tensors if t.is_constant] for graph in (network, again))
    for ours, theirs in zip(*constants, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_passes_keep_the_bytes(network: Graph) -> None:
    faster = optimize(network)
    for sample in int8_samples(network, 8):
        for ours, theirs in zip(run(network, sample), run(faster, sample), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def plans(graph: Graph) -> dict[str, Plan]:
    kernels = select_kernels(graph)
    return {
        "layers": make_plan(graph, kernels, fuse=False),
        "fused": make_plan(graph, kernels),
        "strips": make_plan(graph, kernels, max_recompute=2.0),
        "fed": make_plan(graph, kernels, feed_rows=True),
    }


def test_c_equals_numpy(tmp_path: Path) -> None:
    """Layer by layer, fused, in strips of columns, and fed row by row."""
    made = [
        plan
        for name, make in NETWORKS.items()
        for form in ("layers", "fused", "strips", "fed")
        for plan in [plans(replace(make(), name=f"{name}_{form}"))[form]]
    ]
    program = compile_together([generate(plan) for plan in made], tmp_path)
    for number, plan in enumerate(made):
        samples = int8_samples(plan.graph, 6)
        for sample, got in zip(samples, run_host(program, plan.graph, samples, number), strict=True):
            for have, want in zip(got, run(plan.graph, sample), strict=True):
                np.testing.assert_array_equal(have, want, err_msg=plan.graph.name)


def test_fusion_saves_memory(network: Graph) -> None:
    """Rings of int16 rows, that is: their bytes are counted rightly, or the C above is wrong."""
    found = plans(network)
    assert found["strips"].arena_bytes <= found["fused"].arena_bytes < found["layers"].arena_bytes
    widths = {tensor.dtype for tensor in network.tensors if not tensor.is_constant}
    assert DType.INT16 in widths


@pytest.mark.board
@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)
def test_board_equals_tflm(network: Graph, tmp_path: Path) -> None:
    board = load_board("qemu_mps2_an386")
    firmware = pipeline.build(pipeline.plan(network, board), tmp_path / "firmware", board=board)
    samples = made_up_samples(network, 6)
    verdict = pipeline.test(firmware, network, network, samples, reference="tflm")
    assert verdict.bit_exact and verdict.reference == "tflm"
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes


def test_results_as_text_are_real_numbers(tmp_path: Path) -> None:
    graph, host = all_int16(), load_board("host")
    firmware = build_firmware(generate(make_plan(graph, select_kernels(graph))), host, tmp_path / "firmware")
    sample = made_up_samples(graph, 4).inputs[3]
    wanted = run(graph, sample)
    with pipeline.connect(host) as device:
        device.flash(firmware)
        for got, want in zip(device.invoke(list(sample)), wanted, strict=True):
            np.testing.assert_array_equal(got, want)
        device.load(sample[0].tobytes())
        lines = device.session.exchange(protocol.command("infer 1"), lambda line: line.startswith("m-results"))
    (line,) = (line for line in lines if line.startswith("m-results"))
    texts = line.removeprefix("m-results-[").rstrip("]").split(",")
    real = [value.ravel() * tensor.affine.scale for value, tensor in zip(wanted, graph.outputs, strict=True)]
    np.testing.assert_allclose(np.array(texts, float), np.concatenate(real), atol=1e-6)
