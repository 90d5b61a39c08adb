"""MobileNetV2 1.0 at 224 on an emulated Cortex-M7 whose linker script grants just the SRAM stated here."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.networks import mobilenet_v2
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.interpreter import run

KIB = 1024

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)


@pytest.mark.board
@pytest.mark.parametrize(("feed", "sram_bytes"), [("rows", 64 * KIB), ("rows", 160 * KIB), ("resident", 256 * KIB)])
def test_runs_in_the_memory_granted(feed: str, sram_bytes: int, tmp_path: Path) -> None:
    machine = load_board("qemu_mps2_an500")
    sizes = {"sram": sram_bytes, "flash": 4096 * KIB}
    board = replace(machine, memories=tuple(replace(m, size_bytes=sizes[m.kind]) for m in machine.memories))
    graph = mobilenet_v2(1.0, 224)
    firmware = pipeline.build(pipeline.plan(graph, board, feed=feed), tmp_path / "firmware", board=board)
    image = np.random.default_rng(1).integers(-128, 128, graph.inputs[0].shape).astype(np.int8)
    (want,) = run(graph, image)
    with pipeline.connect(board) as device:
        device.flash(firmware)
        np.testing.assert_array_equal(device.invoke([image])[0], want)
        peak = device.measure([image]).peak
    measured = peak.arena_bytes + peak.stack_bytes + firmware.sections.static_bytes
    assert measured <= firmware.sections.sram_bytes <= min(sram_bytes, 1.05 * measured)
