"""Profiles: counts, work and memory of every step, of fused groups and of inputs fed by rows too."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

import tinyml
from tests.profiler.nets import residual_net
from tinyml import pipeline
from tinyml.samples import made_up_samples

BOARD = "qemu_mps2_an386"
on_board = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
)


@on_board
@pytest.mark.board
@pytest.mark.parametrize(
    "wishes", [{"feed": "rows"}, {"feed": "resident", "max_recompute": 1.5}], ids=["fed", "recomputed"]
)
def test_steps_add_up(wishes: dict[str, Any]) -> None:
    graph = residual_net()
    plan = pipeline.plan(graph, BOARD, **wishes)
    profile = pipeline.profile_plan(plan, made_up_samples(graph, 2))
    assert [step.layer for step in profile.steps] == [step.node.name for step in plan.steps]
    assert (profile.unit, profile.samples) == ("instructions", 2)
    assert 0.97 * profile.counted < sum(step.count for step in profile.steps) <= profile.counted
    assert 0 < profile.counting_overhead < 0.05 * profile.count
    assert sum(step.share for step in profile.steps) == pytest.approx(1)
    assert sum(step.macs_executed for step in profile.steps) == profile.macs_executed == plan.macs_executed
    assert max(step.live_bytes for step in profile.steps) == plan.live_bytes(plan.peak_step)
    assert profile.arena_bytes < profile.measured_sram_bytes <= profile.predicted_sram_bytes
    assert all(step.count > 0 and step.calls > 0 for step in profile.steps)
    assert any(step.calls > 1 for step in profile.steps) and profile.steps[-1].calls == 1


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_as_text_and_json() -> None:
    profile = tinyml.profile(residual_net(), "host")
    facts = json.loads(json.dumps(profile.to_dict()))
    assert facts["counter"]["unit"] == "nanoseconds" and len(facts["steps"]) == len(profile.steps)
    assert profile.by_count[0].count == max(step["count"] for step in facts["steps"])
    assert [row[0] for row in profile.rows(2)] == [step.number for step in profile.by_count[:2]]
    lines = str(profile).splitlines()
    assert len(lines) == len(profile.steps) + 5
    assert all(step.kernel in line for step, line in zip(profile.steps, lines[2:], strict=False))
