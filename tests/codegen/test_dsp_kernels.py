"""The kernels of the DSP extension and of Helium equal numpy on an emulated board, many cases in one program; those of
the DSP extension have portable twins, too, which run under the sanitizers of the host."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from codegen.kernels import KERNELS
from tests.dsp_cases import CASES
from tests.host_c import SANITIZERS, WARNINGS
from tests.kernel_cases import Case, as_model, random_cases, write_host
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.firmware import build_firmware
from tinyml.kernel import Kernel
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected, PartialConv2D
from tinyml.toolchain import find_toolchain

COUNT = int(os.environ.get("TINYML_TEST_KERNEL_CASES", "40"))
DSP = [kernel for kernel in KERNELS if kernel.requires == {"dsp"}]
MVE = [kernel for kernel in KERNELS if kernel.requires == {"mve"}]
PRODUCTS = (Conv2D, DepthwiseConv2D, FullyConnected, PartialConv2D)
BOARDS = {"qemu_mps2_an386": DSP, "qemu_mps3_an547": MVE}
FLASH_BYTES = {"qemu_mps2_an386": 4 << 20, "qemu_mps3_an547": 2 << 20}  # of the machines, for many cases in one program
TWINS = Path(__file__).resolve().parents[1] / "dsp_host"


def differing_on_host(cases: list[Case], directory: Path) -> dict[int, int]:
    """Wrong bytes per case that has any."""
    program = directory / "program"
    source = write_host(cases, directory, TWINS)
    command = ["gcc", "-std=c11", *WARNINGS, "-O1", *SANITIZERS, "-fno-sanitize-recover=all", "-o", program, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    ran = subprocess.run([program], capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr[:4000]
    return {int(number): int(wrong) for number, wrong in (line.split() for line in ran.stdout.splitlines())}


def differing_on_board(cases: list[Case], board: str, directory: Path, toolchain: str | None = None) -> dict[int, int]:
    graph, sources = as_model(cases)
    budget = load_board(board)
    sizes = {memory: FLASH_BYTES[board] if memory.kind == "flash" else memory.size_bytes for memory in budget.memories}
    target = replace(budget, memories=tuple(replace(memory, size_bytes=size) for memory, size in sizes.items()))
    firmware = build_firmware(sources, target, directory / "firmware", toolchain=find_toolchain(target, toolchain))
    with pipeline.connect(target) as device:
        device.flash(firmware)
        (wrong,) = device.invoke([np.zeros(graph.inputs[0].shape, np.int8)])
    return {number: int(count) for number, count in enumerate(wrong.ravel()) if count}


@pytest.mark.parametrize("kernel", DSP, ids=lambda kernel: kernel.name)
def test_twins_equal_numpy(kernel: Kernel, tmp_path: Path) -> None:
    cases = random_cases(kernel, CASES[kernel.op.kind], COUNT, seed=3)
    assert not differing_on_host(cases, tmp_path)


@pytest.mark.board
@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)
@pytest.mark.parametrize("products", [True, False], ids=["products", "others"])
@pytest.mark.parametrize(
    ("board", "toolchain"),
    [
        ("qemu_mps2_an386", "arm-none-eabi-gcc"),
        ("qemu_mps3_an547", "arm-none-eabi-gcc"),
        ("qemu_mps3_an547", "zig"),
    ],
)
def test_equal_numpy_on_boards(board: str, toolchain: str, products: bool, tmp_path: Path) -> None:
    kernels = [kernel for kernel in BOARDS[board] if issubclass(kernel.op, PRODUCTS) == products]
    names = [kernel.name for kernel in kernels]
    cases = [
        case
        for kernel in kernels
        for case in random_cases(kernel, CASES[kernel.op.kind], -(-COUNT // names.count(kernel.name)), seed=4)
    ]
    differing = differing_on_board(cases, board, tmp_path, toolchain)
    assert not differing, {number: (cases[number].kernel.name, str(cases[number].node)) for number in differing}
