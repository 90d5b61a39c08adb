"""Bisection: exact where nothing is wrong; a planted fault is found in its layer, inside a fused group too."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tinyml
from codegen import Sources, generate
from tests.profiler.nets import residual_net
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.firmware import build_firmware
from tinyml.profiler.bisection import Bisection, bisect_device
from tinyml.samples import made_up_samples

BOARD = "qemu_mps2_an386"
WISHES = {"fed": {"feed": "rows"}, "strips": {"feed": "resident", "max_recompute": 1.5}, "fused": {}}
on_host = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
on_board = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
)


def bisected(change: Callable[[Sources], Sources], wishes: dict[str, Any], directory: Path) -> Bisection:
    """The small network on the host, its generated C changed."""
    graph, host = residual_net(), load_board("host")
    plan = pipeline.plan(graph, host, **wishes)
    firmware = build_firmware(change(generate(plan, trace=True)), host, directory / "firmware")
    with pipeline.connect(host) as device:
        device.flash(firmware)
        return bisect_device(device, plan, host, made_up_samples(graph, 3))


def damaged(sources: Sources, file: str, pattern: str, replacement: str) -> Sources:
    text, count = re.subn(pattern, replacement, sources.files[file], count=1)
    assert count == 1
    return dataclasses.replace(sources, files={**sources.files, file: text})


@on_board
@pytest.mark.board
@pytest.mark.parametrize("wishes", ["fed", "strips"])
def test_exact_on_an_emulated_board(wishes: str) -> None:
    found = tinyml.bisect(residual_net(), BOARD, **WISHES[wishes])
    assert found.bit_exact and found.first is None and found.samples == 5, str(found)


@on_host
@pytest.mark.parametrize("wishes", WISHES)
def test_a_damaged_weight(wishes: str, tmp_path: Path) -> None:
    """One byte of the second convolution in the residual block: nothing in front of it is blamed."""

    def change(sources: Sources) -> Sources:
        array = r"(static const int8_t residual_conv2d_2_weights\[\d+\] = \{\s*)-?\d+"
        return damaged(sources, "residual_weights.h", array, r"\g<1>127")

    found = bisected(change, WISHES[wishes], tmp_path)
    assert found.first is not None and found.first.layer == "conv2d_2", str(found)
    assert found.first.kernel.startswith("tml_conv2d") and 1 < found.first.differing_steps < found.steps
    assert "conv2d_2" in str(found) and "--toolchain" in found.next_step


@on_host
def test_a_wrong_kernel(tmp_path: Path) -> None:
    def change(sources: Sources) -> Sources:
        return damaged(sources, "tml_add_s8.h", r"(static inline void tml_add_s8\([^)]*\)\s*\{)", r"\1 row_end -= 1;")

    found = bisected(change, WISHES["fused"], tmp_path)
    assert found.first is not None and found.first.op == "add", str(found)


@on_host
def test_an_output_that_is_written_over(tmp_path: Path) -> None:
    def change(sources: Sources) -> Sources:
        last = r"(TML_STEP_END\(8\);)"
        return damaged(sources, "residual.c", last, r"\1 *(int8_t *)residual_output() ^= 1;")

    found = bisected(change, WISHES["fused"], tmp_path)
    assert found.first is None and found.outputs_differ and not found.bit_exact
