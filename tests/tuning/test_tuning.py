"""Tuning on an emulated Cortex-M4, where counts repeat to the digit; and what becomes of the file that keeps them."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import pytest

from codegen import generate
from tests.profiler.nets import residual_net
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.errors import UsageError
from tinyml.ir import Graph
from tinyml.scheduler import Plan

BOARD = "qemu_mps2_an386"
on_board = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
)
pytestmark = [on_board, pytest.mark.board]


@pytest.fixture(scope="module")
def graph() -> Graph:
    return residual_net()


@pytest.fixture(scope="module")
def kept(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with what one tuning measured."""
    cache = tmp_path_factory.mktemp("tuned")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYML_CACHE", str(cache))
        found = pipeline.tune(graph, BOARD)
    assert 1 < found.builds <= 6 and found.unit == "instructions" and found.after <= found.before
    choices = [step for step in found.steps if len(step.counts) > 1]
    assert choices and all(step.counts[step.kernel] == min(step.counts.values()) for step in choices)
    return cache


@pytest.fixture
def cache(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in a copy of it that is in use."""
    shutil.copytree(kept, tmp_path / "cache")
    monkeypatch.setenv("TINYML_CACHE", str(tmp_path / "cache"))
    (file,) = (tmp_path / "cache" / "tuning").iterdir()
    return file


def no_build(*_: object, **__: object) -> None:
    raise AssertionError("a firmware is built")


def basis(plan: Plan) -> str:
    return pipeline.kernel_choice(plan, load_board(BOARD))


def test_the_second_time_builds_nothing(graph: Graph, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.read_bytes()
    monkeypatch.setattr(pipeline, "build", no_build)
    assert pipeline.tune(graph, BOARD).builds == 0
    assert cache.read_bytes() == before


def test_plans_follow_what_was_measured(graph: Graph, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the counts say: here that the slowest kernel of every layer is the fastest."""
    tuned = pipeline.plan(graph, BOARD)
    assert basis(tuned) == "measured"
    facts = json.loads(cache.read_text())
    facts["counts"] = {
        layer: {kernel: 10**9 - count for kernel, count in counts.items()} for layer, counts in facts["counts"].items()
    }
    cache.write_text(json.dumps(facts))
    turned = pipeline.plan(graph, BOARD)
    assert basis(turned) == "measured"
    assert [step.kernel.name for step in turned.steps] != [step.kernel.name for step in tuned.steps]
    monkeypatch.setenv("TINYML_CACHE", str(cache.parent / "nothing"))
    untuned = pipeline.plan(graph, BOARD)
    assert basis(untuned) == "estimated"
    assert generate(untuned) == generate(pipeline.plan(graph, BOARD))


def test_other_cores_compilers_and_levels_are_not_concerned(graph: Graph, cache: Path) -> None:
    other = load_board("qemu_mps2_an500")
    assert pipeline.kernel_choice(pipeline.plan(graph, other), other) == "estimated"
    assert basis(pipeline.plan(graph, BOARD, optimize="speed")) == "estimated", "counts are of code at -O2"
    assert basis(pipeline.plan(graph, "qemu_netduinoplus2")) == "measured", "the same core, and instructions"
    silicon = load_board("nrf52840_dk")
    assert pipeline.kernel_choice(pipeline.plan(graph, silicon), silicon) == "estimated", "cycles are its own"


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"format": 0}', b"[" * 100_000, "cut", "counts"],
    ids=["empty", "brace", "bytes", "list", "format", "deep", "cut", "counts"],
)
def test_a_damaged_file_is_ignored(
    damage: bytes | str, graph: Graph, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = cache.read_bytes()
    if damage == "counts":
        cache.write_bytes(whole.replace(b'": 1', b'": "1', 1).replace(b'"counts": {', b'"counts": {"x": 1,', 1))
    else:
        cache.write_bytes(whole[: len(whole) // 2] if isinstance(damage, str) else damage)
    with caplog.at_level(logging.WARNING):
        plan = pipeline.plan(graph, BOARD)
    assert basis(plan) == "estimated"
    lines = [record.getMessage() for record in caplog.records]
    assert lines and all("is ignored" in line and "\n" not in line for line in lines)


def test_a_cache_that_cannot_be_written(graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known before anything is measured; plans do without."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYML_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(pipeline, "build", no_build)
    assert basis(pipeline.plan(graph, BOARD)) == "estimated"
    with pytest.raises(UsageError, match="cannot write") as failure:
        pipeline.tune(graph, BOARD)
    assert "TINYML_CACHE" in str(failure.value.hint)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes anywhere")
def test_a_directory_without_permission(
    graph: Graph, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.chmod(0o555)
    try:
        assert basis(pipeline.plan(graph, BOARD)) == "measured"
        assert pipeline.tune(graph, BOARD).builds == 0
    finally:
        cache.parent.chmod(0o755)


def test_the_host_is_refused(graph: Graph) -> None:
    with pytest.raises(UsageError, match="nanoseconds"):
        pipeline.tune(graph, "host")
