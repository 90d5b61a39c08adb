"""The models beside the checkout, built for emulated boards and compared with TFLM over the serial link."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen import select_kernels
from tests.conftest import INT8_MODELS, shared_model
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.errors import FitError
from tinyml.samples import made_up_samples
from tinyml.scheduler import make_plan
from tinyml.toolchain import find_toolchain

SAMPLES = 20
BOARDS = ("host", "qemu_mps2_an386", "qemu_mps2_an500", "qemu_mps3_an547", "qemu_netduinoplus2")

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)


@pytest.mark.board
@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("name", INT8_MODELS)
def test_bit_exact_and_memory_as_predicted(name: str, board: str, tmp_path: Path) -> None:
    path = shared_model(name)
    graph = pipeline.load(path)
    firmware = pipeline.build(pipeline.plan(graph, board), tmp_path / "firmware")
    verdict = pipeline.test(firmware, graph, path, made_up_samples(graph, SAMPLES), reference="tflm")
    assert verdict.reference == "tflm"
    assert verdict.bit_exact, verdict.first_mismatch
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes <= verdict.peak_sram_bytes * 1.05


@pytest.mark.board
@pytest.mark.parametrize("board", ("qemu_mps2_an386", "qemu_mps2_an500", "qemu_mps3_an547"))
@pytest.mark.parametrize(("name", "arena_bytes"), [("kws_int8", 4_900), ("mcunet_vww_80", 15_760)])
def test_fed_by_rows(name: str, arena_bytes: int, board: str, tmp_path: Path) -> None:
    path = shared_model(name)
    graph = pipeline.load(path)
    firmware = pipeline.build(pipeline.plan(graph, board, feed="rows"), tmp_path / "firmware")
    verdict = pipeline.test(firmware, graph, path, made_up_samples(graph, SAMPLES), reference="tflm")
    assert verdict.bit_exact, verdict.first_mismatch
    assert verdict.peak_arena_bytes <= arena_bytes
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes <= verdict.peak_sram_bytes * 1.05


@pytest.mark.board
@pytest.mark.parametrize("toolchain", ["arm-none-eabi-gcc", "zig"])
@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("kws_int8", "qemu_microbit"),
        ("streaming_ww_int8", "qemu_microbit"),
        ("kws_int8", "qemu_mps3_an547"),
        ("resnet8_int8", "qemu_mps3_an547"),
    ],
)
def test_bit_exact_with_either_compiler(name: str, board: str, toolchain: str, tmp_path: Path) -> None:
    path = shared_model(name)
    graph = pipeline.load(path)
    compiler = find_toolchain(load_board(board), toolchain)
    firmware = pipeline.build(pipeline.plan(graph, board), tmp_path / "firmware", toolchain=compiler)
    verdict = pipeline.test(firmware, graph, path, made_up_samples(graph, 4), reference="tflm")
    assert verdict.bit_exact, verdict.first_mismatch
    assert verdict.peak_sram_bytes <= verdict.predicted_sram_bytes <= verdict.peak_sram_bytes * 1.05


@pytest.mark.parametrize("toolchain", ["arm-none-eabi-gcc", "zig"])
@pytest.mark.parametrize("name", INT8_MODELS)
def test_long_functions_link_for_armv6m(name: str, toolchain: str, tmp_path: Path) -> None:
    """Layer by layer each kernel is inlined with its numbers: functions beyond the reach of a Cortex-M0's `b`."""
    board = load_board("rpi_pico")
    graph = pipeline.load(shared_model(name))
    plan = make_plan(graph, select_kernels(graph, board.cpu.features), board=board, fuse=False)
    firmware = pipeline.build(plan, tmp_path / "firmware", toolchain=find_toolchain(board, toolchain))
    assert 0 < firmware.sections.stack_bytes < 1024


def test_what_does_not_fit_says_so_in_numbers_that_add_up(tmp_path: Path) -> None:
    graph = pipeline.load(shared_model("vww_96_int8"))
    with pytest.raises(FitError) as caught:
        pipeline.plan(graph, "qemu_microbit", feed="resident")
    lines = caught.value.message.splitlines()
    numbers = [int(line.split()[0]) for line in lines[1:]]
    assert sum(numbers[:-1]) == numbers[-1]
    assert "16384" in lines[0] and str(numbers[-1] - 16384) in lines[0]
