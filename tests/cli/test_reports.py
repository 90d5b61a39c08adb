"""check --pareto and plan --timeline."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.commands import write_model
from tests.cli.conftest import Command
from tests.networks import large_image_net, narrow_net


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return write_model(tmp_path / "net.tflite", large_image_net())


def test_pareto(tinyml: Command, net: Path) -> None:
    asked = ("check", net, "--board", "qemu_microbit,host", "--pareto", "--max-recompute", "1.2")
    answer = tinyml(*asked, "--json")
    facts = answer.facts
    assert answer.code == 0 and facts["fits"] and [row["board"] for row in facts["boards"]] == ["qemu_microbit", "host"]
    for row in facts["boards"]:
        assert {point["feed"] for point in row["pareto"]} == {"resident", "rows"}
        for point in row["pareto"]:
            assert 1 <= point["recompute"] <= 1.2 and point["macs_executed"] >= point["macs"]
            assert point["fits"] == (point["arena_bytes"] <= row["limit_bytes"]) and point["kernel_calls"] > 0
    table = tinyml(*asked)
    assert table.code == 0 and "kernel calls" in table.out and "resident" in table.out and table.err == ""


def test_pareto_in_slices(tinyml: Command, tmp_path: Path) -> None:
    file = write_model(tmp_path / "narrow.tflite", narrow_net(4, 32, 2))
    asked = ("check", file, "--board", "host", "--input", "resident", "--pareto")
    (row,) = tinyml(*asked, "--json").facts["boards"]
    counts = [count for point in row["pareto"] for count in point["slices"].values()]
    assert counts and all(count > 1 for count in counts)
    assert "in slices" in tinyml(*asked, "--plot", "front.svg").out
    assert "blocks in slices" in Path("front.svg").read_text()


def test_pareto_that_does_not_fit(tinyml: Command, large_model: Path) -> None:
    answer = tinyml("check", large_model, "--board", "qemu_microbit", "--pareto", "--input", "resident", "--json")
    assert answer.code == 1 and answer.facts["fits"] is False and "error" not in answer.facts


def test_plot(tinyml: Command, net: Path) -> None:
    asked = ("check", net, "--board", "qemu_microbit", "--input", "rows", "--max-recompute", "1", "--pareto", "--json")
    answer = tinyml(*asked, "--plot", "out/front.svg")
    assert answer.code == 0 and answer.facts["plot"] == "out/front.svg"
    ElementTree.parse("out/front.svg")
    assert [path.name for path in Path("out").iterdir()] == ["front.svg"]


@pytest.mark.parametrize(
    "options, message",
    [
        (("--plot", "p.svg"), "--plot draws what --pareto finds"),
        (("--pareto", "--plot", "p.pdf"), "p.pdf does not end in .svg or .png"),
        (("--pareto", "--plot", "p.svg", "--board", "host,rpi_pico"), "for one board"),
    ],
)
def test_wrong_usage(tinyml: Command, net: Path, options: tuple[str, ...], message: str) -> None:
    answer = tinyml("check", net, "--board", "host", *options)
    assert answer.code == 2 and message in answer.err and not list(Path().iterdir())


@pytest.mark.parametrize("suffix", [".txt", ".json", ".svg"])
def test_timeline(tinyml: Command, net: Path, suffix: str) -> None:
    answer = tinyml("plan", net, "--board", "qemu_microbit", "--timeline", f"t{suffix}", "--json")
    assert answer.code == 0 and answer.facts["timeline"] == f"t{suffix}"
    text = Path(f"t{suffix}").read_text(encoding="utf-8")
    if suffix == ".json":
        assert json.loads(text)["arena_bytes"] == answer.facts["sram"]["arena_bytes"]


def test_remedies_of_check_and_plan(tinyml: Command, net: Path) -> None:
    asked = (net, "--board", "qemu_microbit", "--input", "resident", "--max-recompute", "1", "--json")
    checked, planned = tinyml("check", *asked), tinyml("plan", *asked)
    (row,) = checked.facts["boards"]
    error = planned.facts["error"]
    assert checked.code == planned.code == 1
    for facts in (row, error):
        assert facts["remedies"] == [plan["text"] for plan in facts["remedy_plans"]]
        assert all(set(plan) == {"kind", "text", "value", "arena_bytes"} for plan in facts["remedy_plans"])
    assert row["remedies"] == error["remedies"] and row["remedies"][-1].startswith("a board with more SRAM")
    assert all(text in planned.err for text in error["remedies"])


def test_timeline_of_another_format(tinyml: Command, net: Path) -> None:
    answer = tinyml("plan", net, "--board", "qemu_microbit", "--timeline", "t.csv")
    assert answer.code == 2 and "t.csv does not end in .txt or .json or .svg or .png" in answer.err
