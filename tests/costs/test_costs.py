"""The cost model: every kernel has one, and estimates stay within the error that they state, against exact counts."""

from __future__ import annotations

import shutil

import pytest

from codegen import select_kernels
from codegen.kernels import KERNELS
from tests.profiler.nets import random_net, residual_net
from tinyml import pipeline
from tinyml.board import CORES, board_names, load_board
from tinyml.costs import CPI, cost_model, estimate, step_calls
from tinyml.costs.terms import terms_of
from tinyml.ir import Graph
from tinyml.scheduler import Plan, make_plan

BOARD = "qemu_mps2_an386"
on_board = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
)


@pytest.mark.parametrize("core", [core for core in CORES if core != "host"])
def test_every_kernel_of_a_core_has_a_cost(core: str) -> None:
    """A new kernel fails here until `python -m benchmarks.costs --fit` has measured it."""
    model = cost_model(core)
    assert model is not None and core in CPI
    lacking = {k.name for k in KERNELS if k.requires <= CORES[core].features} - set(model.kernels)
    assert not lacking, "python -m benchmarks.costs --fit"
    assert all(factor > 0 for cost in model.kernels.values() for factor in cost.factors.values())


def test_boards_have_estimates_and_the_host_has_none() -> None:
    graph = residual_net()
    for name in board_names():
        board = load_board(name)
        plan = pipeline.schedule(graph, board)
        found = estimate(plan, board)
        assert (found is None) == (name == "host")
        if found is not None:
            assert len(found.steps) == len(plan.steps) and 0 < found.error < 0.5
            assert found.seconds == pytest.approx(found.instructions * found.cpi / board.cpu.clock_hz)


@on_board
@pytest.mark.board
@pytest.mark.parametrize("board, seed", [(BOARD, 100), ("qemu_mps3_an547", 101)])
def test_within_the_stated_error(board: str, seed: int) -> None:
    """Whole and in fused groups; counts under icount repeat to the digit."""
    plan = pipeline.plan(random_net(seed), board)
    profile = pipeline.profile_plan(plan)
    found = estimate(plan, load_board(board))
    assert found is not None
    assert abs(found.instructions - profile.count) <= found.error * profile.count
    assert [step.estimated_instructions for step in profile.steps] == [round(count) for count in found.steps]


def planned(graph: Graph, fuse: bool) -> Plan:
    kernels = select_kernels(graph, load_board(BOARD).cpu.features)
    return make_plan(graph, kernels, board=load_board(BOARD), fuse=fuse)


def test_terms_add_up_over_calls() -> None:
    """Rows one by one are the same rows, pixels and values as all rows at once."""
    graph = residual_net()
    for step in planned(graph, fuse=False).steps:
        ((node, calls, _),) = step_calls(step)
        if not step.kernel.by_rows or node.output.hwc[0] == 1:
            continue
        (height,) = calls
        whole, apart = (terms_of(step.kernel, node, each) for each in (calls, {1: height}))
        assert apart["call"] == height * whole["call"]
        assert all(apart[name] == pytest.approx(whole[name]) for name in ("row", "pixel", "value"))


def test_strips_are_counted_strip_by_strip() -> None:
    plan = planned(residual_net(), fuse=True)
    assert any(step.columns is not None for step in plan.steps)
    for step in plan.steps:
        calls = list(step_calls(step))
        assert sum(sum(times.values()) for _, times, _ in calls) == step.kernel_calls
