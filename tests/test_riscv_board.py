"""Whole models on an emulated RISC-V: the reference's bytes, the predicted memory.

More: `python -m tests.random_models --seed 7 --count 100 --board qemu_riscv32_virt`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import shared_model
from tests.random_c import check_on_board
from tests.random_models import from_graphs
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.samples import made_up_samples
from tinyml.toolchain import installed_toolchains

BOARD = load_board("qemu_riscv32_virt")

pytestmark = [
    pytest.mark.board,
    pytest.mark.skipif(
        shutil.which("qemu-system-riscv32") is None or not installed_toolchains(BOARD),
        reason="needs qemu-system-riscv32 and ziglang: make test installs both",
    ),
]


def test_keyword_spotting_is_bit_exact_and_as_large_as_predicted(tmp_path: Path) -> None:
    path = shared_model("kws_int8")
    graph = pipeline.load(path)
    firmware = pipeline.build(pipeline.plan(graph, BOARD.name), tmp_path / "firmware")
    verdict = pipeline.test(firmware, graph, path, made_up_samples(graph, 3), reference="tflm")
    assert verdict.bit_exact, verdict.first_mismatch
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes <= verdict.peak_sram_bytes * 1.05


def test_graphs_and_mutants() -> None:
    faults = [f"{model.name}: {fault}" for model, fault in check_on_board(from_graphs(300, 3), BOARD.name) if fault]
    assert not faults, "\n".join(faults)
