"""Reports: well-formed, escaped, with numbers that agree with the plan, written whole or not at all."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from codegen import select_kernels
from tests.networks import large_image_net
from tests.random_graphs import random_graphs
from tinyml.errors import UsageError
from tinyml.report import png
from tinyml.report.drawing import bytes_axis, cut_to, ticks
from tinyml.report.files import require_format, write_pareto, write_timeline
from tinyml.scheduler import Plan, make_plan
from tinyml.scheduler.plan import covered

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<b>&\"'\0\x1b[31m\ud800]]>é"


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Fed by rows, in strips, with rows computed again."""
    graph = large_image_net()
    return make_plan(graph, select_kernels(graph), feed_rows=True, max_recompute=1.5)


@pytest.fixture(scope="module")
def hostile() -> Plan:
    """Every name is one that SVG, text and terminals stumble over."""
    graph = large_image_net()
    renamed = {t: replace(t, name=HOSTILE) for t in graph.tensors}
    nodes = tuple(
        replace(n, name=HOSTILE, inputs=tuple(renamed[t] for t in n.inputs), outputs=tuple(map(renamed.get, n.outputs)))
        for n in graph.nodes
    )
    ends = {"inputs": tuple(map(renamed.get, graph.inputs)), "outputs": tuple(map(renamed.get, graph.outputs))}
    graph = replace(graph, name=HOSTILE, nodes=nodes, **ends)
    return make_plan(graph, select_kernels(graph))


def test_facts_agree_with_the_plan(plan: Plan, tmp_path: Path) -> None:
    write_timeline(tmp_path / "t.json", plan)
    facts = json.loads((tmp_path / "t.json").read_text())
    assert [step["step"] for step in facts["steps"]] == list(range(len(plan.steps)))
    for step in facts["steps"]:
        spans = [(b["offset"], b["offset"] + b["bytes"]) for b in (*step["buffers"], *step["scratch"])]
        assert covered(spans) == step["live_bytes"] <= facts["arena_bytes"]
        group = facts["groups"][step["group"]]
        assert group["first"] <= step["step"] <= group["last"]
        assert all(b["first"] <= step["step"] <= b["last"] for b in step["buffers"])
    assert facts["steps"][facts["peak_step"]]["live_bytes"] == max(step["live_bytes"] for step in facts["steps"])
    assert facts["groups"][0]["fed"] and facts["groups"][0]["ticks"] > 1
    assert any(group["runs"] for group in facts["groups"]) == any(group.runs for group in plan.groups)
    assert any(step["recompute"] > 1 for step in facts["steps"])


def test_the_table_names_what_runs_how(plan: Plan, tmp_path: Path) -> None:
    write_timeline(tmp_path / "t.txt", plan)
    lines = (tmp_path / "t.txt").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines[2:] if not line.startswith("--")]
    assert [int(row.split()[3]) for row in rows] == [plan.live_bytes(step) for step in range(len(plan.steps))]
    assert "<- peak" in rows[plan.peak_step] and sum("<- peak" in row for row in rows) == 1
    assert f"{plan.groups[0].ticks} ticks, input fed" in lines[2]
    assert any("rows computed" in row for row in rows)


def test_the_map_has_a_box_for_every_buffer(plan: Plan, tmp_path: Path) -> None:
    write_timeline(tmp_path / "t.svg", plan)
    boxes = list(ElementTree.parse(tmp_path / "t.svg").iter(f"{SVG}rect"))[1:]
    titles = [box.findtext(f"{SVG}title") or "" for box in boxes]
    scratches = sum(step.scratch is not None for step in plan.steps)
    assert len(titles) == len(plan.buffers) + scratches and all("bytes" in title for title in titles)
    assert sum("scratch" in title for title in titles) == scratches


@pytest.mark.parametrize("suffix", [".svg", ".txt", ".json"])
def test_names_from_models_do_no_harm(hostile: Plan, suffix: str, tmp_path: Path) -> None:
    write_timeline(tmp_path / f"t{suffix}", hostile)
    text = (tmp_path / f"t{suffix}").read_text(encoding="utf-8")
    assert "\x1b" not in text and "\0" not in text
    if suffix == ".svg":
        ElementTree.fromstring(text)
    write_pareto(tmp_path / "p.svg", [hostile], 10**6, "board")
    assert "b>&" in "".join(ElementTree.parse(tmp_path / "p.svg").getroot().itertext())


def test_pareto_plot(plan: Plan, tmp_path: Path) -> None:
    graph = plan.graph
    plans = [make_plan(graph, select_kernels(graph)), plan]
    write_pareto(tmp_path / "p.svg", plans, 30_000, "a board")
    root = ElementTree.parse(tmp_path / "p.svg").getroot()
    text = " ".join(root.itertext())
    assert "30,000 bytes: a board" in text and "arena (KiB)" in text and "fed by rows" in text
    assert all(f"{p.arena_bytes:,} bytes, " in text for p in plans)


def test_every_graph_can_be_drawn(tmp_path: Path) -> None:
    for graph in random_graphs(9, 20):
        plan = make_plan(graph, select_kernels(graph))
        for suffix in (".svg", ".txt", ".json"):
            write_timeline(tmp_path / f"t{suffix}", plan)
        write_pareto(tmp_path / "p.svg", [plan], 100, "board")
        for name in ("t.svg", "p.svg"):
            ElementTree.parse(tmp_path / name)


def test_other_suffixes_and_places(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not end in \.svg or \.png") as caught:
        require_format(Path("plot.pdf"), (".svg", ".png"))
    assert caught.value.hint == "plot.svg"
    (tmp_path / "d.svg").mkdir()
    with pytest.raises(UsageError, match="is a directory"):
        write_timeline(tmp_path / "d.svg", plan)
    assert [path.name for path in tmp_path.iterdir()] == ["d.svg"]


def test_png_without_matplotlib(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="takes matplotlib") as caught:
        write_timeline(tmp_path / "t.png", plan)
    assert "pip install matplotlib" in caught.value.hint and not list(tmp_path.iterdir())


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_png(hostile: Plan, tmp_path: Path) -> None:
    write_timeline(tmp_path / "t.png", hostile)
    write_pareto(tmp_path / "p.png", [hostile], 100, "$x")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("t.png", "p.png"))


def test_axes() -> None:
    assert ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert ticks(1, 1.2, 5) == pytest.approx([1, 1.05, 1.1, 1.15, 1.2])
    assert bytes_axis("arena", 100_000).ticks[1] == (20 * 1024, "20")
    assert bytes_axis("arena", 0).high == 1 and "(bytes)" in bytes_axis("arena", 900).label
    assert cut_to("convolution", 20) == "" and cut_to("convolution", 50) == "convol…"
