"""Remedies: each names a plan that fits."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.networks import large_image_net
from tinyml import pipeline
from tinyml.board import Board, board_names, load_board
from tinyml.errors import FitError
from tinyml.ir import Graph
from tinyml.remedies import Remedy, remedies
from tinyml.remedies.variants import with_resolution, with_width
from tinyml.scheduler.choice import FIRMWARE_BYTES, Wishes

BOARD = load_board("qemu_mps2_an386")


def found(graph: Graph, wishes: Wishes) -> dict[str, Remedy]:
    listed = remedies(graph, BOARD, wishes, 10**5)
    order = ["feed", "recompute", "options", "resolution", "width", "board"]
    assert [remedy.kind for remedy in listed] == sorted((r.kind for r in listed), key=order.index)
    assert all(str(remedy.arena_bytes) in remedy.text for remedy in listed)
    return {f"{r.kind} {r.value}" if r.kind == "options" else r.kind: r for r in listed}


def arena(graph: Graph, wishes: Wishes) -> int:
    return pipeline.schedule(graph, BOARD, **asdict(wishes)).arena_bytes


def test_feeding_by_rows() -> None:
    graph = large_image_net()
    wishes = Wishes(feed="resident", max_recompute=1.0, sram_bytes=FIRMWARE_BYTES + 20_000)
    remedy = found(graph, wishes)["feed"]
    assert remedy.arena_bytes == arena(graph, replace(wishes, feed="rows")) <= 20_000


def test_computing_again() -> None:
    graph = large_image_net()
    once, twice = (arena(graph, Wishes(feed="resident", max_recompute=factor)) for factor in (1.0, 2.0))
    assert twice < once
    wishes = Wishes(feed="resident", max_recompute=1.0, sram_bytes=FIRMWARE_BYTES + twice)
    remedy = found(graph, wishes)["recompute"]
    assert isinstance(remedy.value, float) and 1 < remedy.value <= 4 and remedy.arena_bytes <= twice
    assert arena(graph, replace(wishes, max_recompute=remedy.value)) <= twice


def test_without_options() -> None:
    graph = large_image_net()
    wishes = Wishes(keep_inputs=True, max_recompute=1.0, sram_bytes=FIRMWARE_BYTES + 20_000)
    listed = found(graph, wishes)
    assert listed["options keep_input"].arena_bytes == arena(graph, replace(wishes, keep_inputs=False)) <= 20_000
    whole = listed["options sram"].arena_bytes
    assert 20_000 < whole <= BOARD.sram_bytes and str(BOARD.sram_bytes) in listed["options sram"].text


def test_smaller_variants() -> None:
    graph = large_image_net()
    wishes = Wishes(max_recompute=1.0, sram_bytes=FIRMWARE_BYTES + 6_000)
    listed = found(graph, wishes)
    height, width = listed["resolution"].value, listed["width"].value
    assert isinstance(height, int) and f"{height}x{height} pixels instead of 96x96" in listed["resolution"].text
    assert isinstance(width, float)
    assert arena(with_resolution(graph, height), wishes) == listed["resolution"].arena_bytes <= 6_000
    assert arena(with_resolution(graph, height + 8), wishes) > 6_000
    assert arena(with_width(graph, width), wishes) == listed["width"].arena_bytes <= 6_000


def test_boards_with_enough_memory() -> None:
    graph = large_image_net()
    (remedy,) = (r for r in remedies(graph, load_board("qemu_microbit"), Wishes(), 200_000) if r.kind == "board")
    assert isinstance(remedy.value, list) and set(remedy.value) <= set(board_names()) - {"host", "qemu_microbit"}
    sizes = [load_board(name).sram_bytes for name in remedy.value]
    assert sizes == sorted(sizes) and min(sizes) >= 200_000 + FIRMWARE_BYTES
    assert not [r for r in remedies(graph, BOARD, Wishes(), 10**9) if r.kind == "board"]


def test_the_error_carries_them() -> None:
    graph = large_image_net()
    with pytest.raises(FitError) as caught:
        pipeline.plan(graph, BOARD, feed="resident", max_recompute=1.0, sram_bytes=FIRMWARE_BYTES + 20_000)
    error = caught.value
    assert error.hint.startswith("--input rows: an arena of ") and "\n   or: " in error.hint
    assert error.remedies[0]["kind"] == "feed" and error.remedies[0]["text"] in error.hint


def test_firmware_that_overflows_beside_a_large_arena(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflows(*args: object, **options: object) -> None:
        raise FitError("over", hint="the firmware's own")

    monkeypatch.setattr(pipeline, "build_firmware", overflows)
    plan = pipeline.schedule(large_image_net(), BOARD, feed="resident", max_recompute=1.0)
    with pytest.raises(FitError) as caught:
        pipeline.build(plan, tmp_path / "out")
    assert caught.value.hint == "the firmware's own" and not caught.value.remedies
    monkeypatch.setattr(Board, "sram_bytes", plan.arena_bytes + 100)
    with pytest.raises(FitError) as caught:
        pipeline.build(plan, tmp_path / "out")
    assert caught.value.message == "over" and caught.value.remedies[0]["kind"] == "feed"
