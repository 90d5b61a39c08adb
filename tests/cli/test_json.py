"""--json is one object on stdout with the promised keys; docs/cli.md lists them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.commands import small_graph, write_model, write_samples
from tests.cli.conftest import Command
from tests.pruned_graphs import pruned_graphs
from tinyml.board import board_names
from tinyml.passes import optimize

SRAM = ["arena_bytes", "static_bytes", "stack_bytes", "total_bytes", "limit_bytes"]
FLASH = ["code_bytes", "weights_bytes", "total_bytes", "limit_bytes"]
BUILD = [
    "board",
    "model",
    "model_sha256",
    "elf",
    "output_dir",
    "sram",
    "flash",
    "macs",
    "macs_executed",
    "passes",
    "input",
]
TEST = ["samples", "mismatched_values", "bit_exact", "accuracy", "peak_sram_bytes", "predicted_sram_bytes", "counter"]
TENSOR = ["name", "shape", "dtype", "scale", "zero_point", "bytes"]

on_host = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
on_board = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
)


def holds(facts: dict[str, Any], keys: list[str]) -> bool:
    return set(keys) <= set(facts)


def adds_up(facts: dict[str, Any]) -> bool:
    sram, flash = facts["sram"], facts["flash"]
    return bool(
        sram["total_bytes"] == sum(sram[key] for key in SRAM[:3]) <= sram["limit_bytes"]
        and flash["total_bytes"] == sum(flash[key] for key in FLASH[:2]) <= flash["limit_bytes"]
    )


@on_host
def test_build(tinyml: Command, model: Path) -> None:
    answer = tinyml("build", model, "--board", "host", "-o", "out", "--json")
    facts = answer.facts
    assert answer.code == 0 and answer.err == ""
    assert facts["version"] == 1 and facts["command"] == "build" and facts["board"] == "host"
    assert holds(facts, [*BUILD, "outputs"]) and holds(facts["sram"], SRAM) and holds(facts["flash"], FLASH)
    assert holds(facts["input"], TENSOR) and facts["inputs"] == [facts["input"]] and holds(facts["outputs"][0], TENSOR)
    assert adds_up(facts) and "test" not in facts
    assert Path(facts["elf"]).is_file() and Path(facts["output_dir"]) == Path("out")


@on_host
def test_build_and_test_in_one(tinyml: Command, model: Path) -> None:
    answer = tinyml("build", model, "--board", "host", "--test", "--samples", "4", "--json")
    verdict = answer.facts["test"]
    assert answer.code == 0
    assert holds(verdict, TEST) and verdict["bit_exact"] is True and verdict["samples"] == 4
    assert verdict["accuracy"] is None
    assert Path("small-host/small.elf").is_file()


@on_host
def test_profile(tinyml: Command, model: Path, tmp_path: Path) -> None:
    data = write_samples(tmp_path / "samples.npz", small_graph())
    answer = tinyml("profile", model, "--board", "host", "--data", data, "--samples", "2", "--top", "1", "--json")
    facts = answer.facts
    assert answer.code == 0 and answer.err == "" and facts["samples"] == 2 and not list(Path().iterdir())
    assert holds(facts, ["board", "model", "model_sha256", "macs", "macs_executed", "measured_sram_bytes"])
    assert holds(facts["counter"], ["unit", "per_inference", "per_inference_counted", "counting_overhead"])
    (step,) = facts["steps"]
    assert holds(step, ["number", "layer", "op", "kernel", "output_shape", "macs", "calls", "count", "live_bytes"])
    assert (step["op"], step["share"]) == ("conv2d", 1.0) and step["calls"] > 0
    text = tinyml("build", model, "--board", "host", "--profile", "--test", "--samples", "1", "-o", "out")
    assert text.code == 0 and step["kernel"] in text.out and "counting the steps took" in text.out


@on_host
def test_bisect(tinyml: Command, model: Path) -> None:
    answer = tinyml("bisect", model, "--board", "host", "--samples", "2", "--json")
    facts = answer.facts
    assert answer.code == 0 and answer.err == "" and not list(Path().iterdir())
    assert holds(facts, ["board", "model", "model_sha256", "steps", "outputs_differ", "next_step"])
    assert (facts["bit_exact"], facts["first"], facts["samples"]) == (True, None, 2)


@on_board
@pytest.mark.board
def test_test(tinyml: Command, model: Path, tmp_path: Path) -> None:
    data = write_samples(tmp_path / "samples.npz", small_graph())
    answer = tinyml("test", model, "--board", "qemu_mps2_an386", "--data", data, "--json")
    facts = answer.facts
    assert answer.code == 0 and holds(facts, TEST)
    assert facts["mismatched_values"] == 0 and facts["first_mismatch"] is None and facts["samples"] == 6
    assert facts["accuracy"] == facts["reference_accuracy"] is not None
    assert facts["counter"]["unit"] == "instructions" and facts["counter"]["per_inference"] > 0
    assert 0 < facts["peak_sram_bytes"] <= facts["predicted_sram_bytes"]
    assert not list(Path().iterdir()), "test leaves nothing behind"


@on_host
def test_test_that_fails(tinyml: Command, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that differs in one value: exit code 1, and where."""
    from tinyml import pipeline
    from tinyml.profiler.reference import reference_outputs

    def off_by_one(*arguments: Any) -> Any:
        name, expected = reference_outputs(*arguments)
        wrong = np.array(expected[2][0])
        wrong.flat[-1] ^= 1
        return name, [*expected[:2], (wrong,), *expected[3:]]

    monkeypatch.setattr(pipeline, "reference_outputs", off_by_one)
    answer = tinyml("test", model, "--board", "host", "--samples", "4", "--json")
    facts = answer.facts
    assert answer.code == 1
    assert facts["bit_exact"] is False and facts["mismatched_values"] == 1
    assert facts["first_mismatch"]["sample"] == 2
    assert facts["first_mismatch"]["position"] == [side - 1 for side in facts_shape()]
    answer = tinyml("test", model, "--board", "host", "--samples", "4")
    assert answer.code == 1 and "NOT bit-exact: first at sample 2" in answer.out


def facts_shape() -> tuple[int, ...]:
    return small_graph().outputs[0].shape


@on_board
def test_check(tinyml: Command, large_model: Path) -> None:
    answer = tinyml("check", large_model, "--board", "qemu_mps2_an386,qemu_microbit", "--json")
    facts = answer.facts
    assert answer.code == 1 and facts["fits"] is False
    fitting, other = facts["boards"]
    for row in (fitting, other):
        assert holds(row, ["board", "fits", "sram", "flash", "macs", "macs_executed", "groups", "remedies"])
        assert holds(row["sram"], SRAM) and holds(row["flash"], FLASH)
        assert row["groups"][0]["kernels"] == ["tml_unary_s8"]
    assert fitting["board"] == "qemu_mps2_an386" and fitting["fits"] and adds_up(fitting) and not fitting["remedies"]
    assert other["board"] == "qemu_microbit" and not other["fits"] and other["remedies"]
    assert other["sram"]["arena_bytes"] == 40_000 and other["sram"]["limit_bytes"] == 16_384
    assert "40000" in other["message"] and "16384" in other["message"] and "23616 too many" in other["message"]
    assert tinyml("check", large_model, "--board", "qemu_mps2_an386").code == 0


def test_plan(tinyml: Command, model: Path) -> None:
    facts = tinyml("plan", model, "--board", "rpi_pico", "--json").facts
    assert facts["fits"] is True and facts["remedies"] == []
    assert facts["sram"]["arena_bytes"] > 0 and facts["sram"]["total_bytes"] is None
    assert holds(
        facts["groups"][0], ["nodes", "kernels", "ticks", "macs", "macs_executed", "live_bytes", "scratch_bytes"]
    )


def test_plan_says_what_the_passes_saved(tinyml: Command, tmp_path: Path) -> None:
    (_, graph) = pruned_graphs(0, 2)
    saved = graph.macs - optimize(graph).macs
    file = write_model(tmp_path / "pruned.tflite", graph)
    facts = tinyml("plan", file, "--board", "rpi_pico", "--json").facts
    assert facts["macs"] == graph.macs - saved and saved > 0
    assert sum(entry["macs_removed"] for entry in facts["passes"]) == saved
    assert "fold_constant_channels removed " in tinyml("plan", file, "--board", "rpi_pico").out


def test_boards(tinyml: Command) -> None:
    facts = tinyml("boards", "--json").facts
    assert [board["name"] for board in facts["boards"]] == board_names()
    keys = ["name", "title", "core", "clock_hz", "sram_bytes", "flash_bytes", "emulated", "notes"]
    assert all(holds(board, keys) for board in facts["boards"])


def test_ports(tinyml: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyml.device import link

    found = (
        link.SerialPort("/dev/ttyACM0", "STLink", 0x0483, 0x374B),
        link.SerialPort("/dev/ttyS0", "n/a", None, None),
    )
    monkeypatch.setattr(link, "list_ports", lambda: found)
    facts = tinyml("ports", "--json").facts
    assert facts["ports"][0]["device"] == "/dev/ttyACM0" and "nucleo_f446re" in facts["ports"][0]["boards"]
    assert facts["ports"][1]["boards"] == []
    monkeypatch.setattr(link, "list_ports", lambda: ())
    assert tinyml("ports", "--json").facts["ports"] == []
    assert tinyml("ports").out == "no serial ports\n"


def test_doctor(tinyml: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyml import doctor

    monkeypatch.setattr(doctor, "_program_version", lambda name: None)
    monkeypatch.setattr(doctor, "_package_version", lambda name: "1.0" if name == "ziglang" else None)
    answer = tinyml("doctor", "--json")
    tools = {tool["name"]: tool for tool in answer.facts["tools"]}
    assert answer.code == 0, "ziglang is enough to build"
    assert all(holds(tool, ["name", "version", "purpose", "install"]) for tool in tools.values())
    assert tools["qemu-system-arm"]["version"] is None
    assert tools["qemu-system-arm"]["install"] == "sudo apt-get install qemu-system-arm"
    monkeypatch.setattr(doctor, "_package_version", lambda name: None)
    assert tinyml("doctor", "--json").code == 4


def test_doctor_knows_every_boards_flasher(tinyml: Command) -> None:
    from tinyml.board import load_board

    tools = {tool["name"] for tool in tinyml("doctor", "--json").facts["tools"]}
    assert {board.flasher for name in board_names() if (board := load_board(name)).flasher} <= tools


def test_kernels(tinyml: Command) -> None:
    kernels = tinyml("kernels", "--json").facts["kernels"]
    assert {"name": "tml_conv2d_s8", "op": "conv2d", "requires": [], "by_rows": True} in kernels


def test_an_error_is_one_object_too(tinyml: Command) -> None:
    answer = tinyml("boards", "--jsn", "--json")
    assert answer.code == 2
    assert answer.facts["error"]["exit_code"] == 2 and "--jsn" in answer.facts["error"]["message"]
    assert answer.err.startswith("tinyml: ")


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_nothing_else_is_on_stdout(tinyml: Command, quiet: tuple[str, ...]) -> None:
    assert tinyml("boards", "--json", "-v", *quiet).facts["command"] == "boards"
    assert tinyml("boards", *quiet).out == ("" if quiet else tinyml("boards").out)
