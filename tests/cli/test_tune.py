"""tune, and what plan and build then say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command

pytestmark = [
    pytest.mark.board,
    pytest.mark.skipif(
        shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
        reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
    ),
]
BOARD = ("--board", "qemu_mps2_an386")


def test_tune_then_plan(tinyml: Command, model: Path) -> None:
    assert tinyml("plan", model, *BOARD, "--json").facts["kernel_choice"] == "estimated"
    answer = tinyml("tune", model, *BOARD, "--json")
    facts = answer.facts
    assert answer.code == 0 and answer.err == "" and not list(Path().iterdir())
    assert facts["builds"] > 0 and facts["unit"] == "instructions" and Path(facts["cache"]).is_file()
    assert 0 < facts["after"] <= facts["before"]
    (step,) = facts["steps"]
    assert step["op"] == "conv2d" and step["counts"][step["kernel"]] == min(step["counts"].values())
    again = tinyml("tune", model, *BOARD)
    assert again.code == 0 and "0 firmwares built" in again.out
    planned = tinyml("plan", model, *BOARD, "--json").facts
    assert planned["kernel_choice"] == "measured" and planned["groups"][0]["kernels"] == [step["kernel"]]
    assert planned["groups"][0]["estimated_instructions"] == [planned["estimate"]["instructions"]]
    built = tinyml("build", model, *BOARD, "-o", "out")
    assert built.code == 0 and "kernels chosen by measurement" in built.out


def test_check_says_how_long(tinyml: Command, model: Path) -> None:
    rows = tinyml("check", model, "--board", "qemu_mps2_an386,nrf52840_dk,host", "--json").facts["boards"]
    emulated, silicon, host = (row["estimate"] for row in rows)
    assert emulated["unit"] == "instructions" and 0 < emulated["error"] < 0.5
    assert emulated["instructions"] == silicon["instructions"] and emulated["seconds"] > silicon["seconds"] > 0
    assert host is None
    text = tinyml("check", model, "--board", "qemu_mps2_an386")
    assert "which is assumed, not measured" in text.out


def test_the_host_does_not_repeat(tinyml: Command, model: Path) -> None:
    answer = tinyml("tune", model, "--board", "host")
    assert answer.code == 2 and "nanoseconds" in answer.err
