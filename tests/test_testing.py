"""The pytest plugin for users, by the example that uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def example(*arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest on examples/on_device in a process of its own, without settings that this machine may have."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TINYML_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "examples/on_device", "-p", "no:cacheprovider", *arguments]
    environment = {**kept, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.board
@pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("gcc", "qemu-system-arm", "arm-none-eabi-gcc")),
    reason="gcc, qemu-system-arm or arm-none-eabi-gcc is not installed",
)
def test_host_emulated_board_and_a_board_that_is_not_there() -> None:
    done = example("--tinyml-board", "host,qemu_mps2_an386,nucleo_f446re")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "11 passed, 4 skipped" in done.stdout
    assert "no serial port is nucleo_f446re's" in done.stdout and "--tinyml-port PORT names one" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tinyml-board", "qemu_mps2_an387"), "no board is called 'qemu_mps2_an387'"),
        (("--tinyml-board", "host,rpi_pico", "--tinyml-port", "/dev/null"), "the port of one board, and 2 are given"),
    ],
)
def test_wrong_options(arguments: tuple[str, ...], said: str) -> None:
    done = example(*arguments)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR and said in done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
