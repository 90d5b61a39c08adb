"""--sram, --max-recompute and --optimize on the command line: from the plan to the linker script."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.commands import write_model
from tests.cli.conftest import Command
from tests.networks import mobilenet_v2

BOARD = ("--board", "qemu_mps2_an386")
LEVELS = {"speed": "-O3", "balanced": "-O2", "size": "-Os"}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "mobilenet.tflite", mobilenet_v2(0.35, 32, 10))


def test_what_is_int8_already_stays_so_and_says_it(tinyml: Command, model: Path) -> None:
    answer = tinyml("plan", model, "--board", "host", "--calibrate", "random", "--int4", "*", "--json")
    assert answer.code == 0 and answer.facts["fits"]
    assert "is int8 already" in " ".join(answer.err.split())


def test_the_smallest_for_a_bound_on_work(tinyml: Command, model: Path) -> None:
    plans = [tinyml("plan", model, *BOARD, "--input", "rows", "--max-recompute", f, "--json").facts for f in (1, 1.05)]
    arenas, macs = ([plan["sram"]["arena_bytes"], plan["macs_executed"]] for plan in plans)
    assert plans[0]["macs_executed"] == plans[0]["macs"] < plans[1]["macs_executed"] <= 1.05 * plans[0]["macs"]
    assert macs[0] < arenas[0]


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_the_least_work_within_a_budget(tinyml: Command, model: Path) -> None:
    built = tinyml("build", model, *BOARD, "--sram", 4_700, "-o", "out", "--json").facts
    assert built["sram"]["total_bytes"] <= built["sram"]["limit_bytes"] == 4_700
    assert built["macs_executed"] > built["macs"]
    refused = tinyml("build", model, *BOARD, "--sram", 2_500, "-o", "none")
    assert refused.code == 1 and "2500" in refused.err and not Path("none").exists()


def test_a_factor_below_one_is_a_usage_error(tinyml: Command, model: Path) -> None:
    assert tinyml("plan", model, *BOARD, "--max-recompute", "0.5").code == 2


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_optimize_reaches_the_compiler(tinyml: Command, model: Path) -> None:
    built = {name: tinyml("build", model, *BOARD, "--optimize", name, "-o", name, "--json").facts for name in LEVELS}
    flash = [built[name]["flash"]["total_bytes"] for name in LEVELS]
    arena = [built[name]["sram"]["arena_bytes"] for name in LEVELS]
    assert flash[0] > flash[1] > flash[2] and arena[0] > arena[1] >= arena[2]
    assert [level in Path(name, "Makefile").read_text() for name, level in LEVELS.items()] == [True] * 3
