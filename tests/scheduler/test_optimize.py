"""What --optimize changes in a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from codegen import select_kernels
from tests.networks import mobilenet_v2
from tests.random_graphs import random_graphs
from tests.scheduler.shadow import check_memory
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.errors import UsageError
from tinyml.ir import Graph
from tinyml.passes import optimize
from tinyml.scheduler.choice import FIRMWARE_BYTES, Wishes

BOARD = load_board("qemu_mps2_an386")


@pytest.mark.parametrize("graph", [optimize(g) for g in random_graphs(9, 20)], ids=lambda graph: graph.name)
def test_speed_takes_the_fastest_kernels_where_memory_allows(graph: Graph) -> None:
    plan = pipeline.schedule(graph, BOARD, optimize="speed")
    check_memory(plan)
    candidates, order = select_kernels(graph, BOARD.cpu.features), pipeline.kernel_order(BOARD, optimize="speed")
    assert plan.optimize == "speed" and plan.fed is None
    for step in plan.steps:
        choices = [replace(step, kernel=kernel) for kernel in candidates[step.node] if not kernel.accumulates]
        assert step.kernel is order(choices)[0].kernel


@pytest.mark.parametrize(
    "wishes",
    [
        {"max_recompute": float("nan")},
        {"max_recompute": float("inf")},
        {"max_recompute": 0.9},
        {"sram_bytes": 0},
        {"sram_bytes": -5},
        {"feed": "columns"},
        {"optimize": "fast"},
    ],
)
def test_wishes_that_make_no_sense(wishes: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Wishes(**wishes)


def test_speed_stays_within_the_memory() -> None:
    graph = mobilenet_v2(0.35, 48, 10)
    balanced, speed = (pipeline.schedule(graph, BOARD, optimize=name) for name in ("balanced", "speed"))
    assert speed.arena_bytes > balanced.arena_bytes
    limit = (balanced.arena_bytes + speed.arena_bytes) // 2
    within = pipeline.schedule(graph, BOARD, optimize="speed", sram_bytes=limit + FIRMWARE_BYTES)
    check_memory(within)
    assert within.arena_bytes <= limit


def test_an_unknown_name_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="none of speed, balanced, size"):
        pipeline.schedule(mobilenet_v2(0.35, 32, 10), BOARD, optimize="fast")
