"""The network families of tests/architectures.py from PyTorch to an emulated Cortex-M4: quantized, built, bit-exact."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.architectures import ARCHITECTURES, architecture
from tinyml import pipeline
from tinyml.importers.from_torch import from_torch
from tinyml.quantizer import quantize
from tinyml.samples import made_up_samples

BOARD = "qemu_mps2_an386"

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)


@pytest.mark.board
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_from_pytorch_to_the_board(name: str, tmp_path: Path) -> None:
    module, example = architecture(name)
    graph = quantize(from_torch(module, (example,)), "random")
    firmware = pipeline.build(pipeline.plan(graph, BOARD), tmp_path / "firmware")
    verdict = pipeline.test(firmware, graph, graph, made_up_samples(graph, 4), reference="auto")
    assert verdict.mismatched_values == 0 and verdict.samples == 4
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes
