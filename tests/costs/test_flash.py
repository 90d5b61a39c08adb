"""What kernels take in flash: exact for constants, and the kernels chosen by it are smaller, in no more memory."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest

from benchmarks.size import model_sections
from codegen import generate
from codegen.kernels import KERNELS
from tests.networks import mobilenet_v2
from tests.profiler.nets import residual_net
from tests.random_graphs import random_graphs
from tests.scheduler.shadow import check_memory
from tinyml import pipeline
from tinyml.board import CORES, load_board
from tinyml.costs import cost_model, kernel_flash, plan_bytes
from tinyml.errors import UsageError
from tinyml.ir import Graph
from tinyml.passes import optimize
from tinyml.scheduler import Plan
from tinyml.toolchain import find_toolchain

BOARD = load_board("qemu_mps2_an386")
FLASH = kernel_flash(BOARD.cpu.core)
GRAPHS = [optimize(graph) for graph in random_graphs(11, 20)]


@pytest.mark.parametrize("core", [core for core in CORES if core != "host"])
def test_the_code_size_of_every_kernel_is_known(core: str) -> None:
    model = cost_model(core)
    assert model is not None and model.code is not None
    mine = [kernel for kernel in KERNELS if kernel.requires <= CORES[core].features]
    lacking = {kernel.name for kernel in mine} - set(model.code.kernels)
    lacking |= {kernel.struct for kernel in mine} - set(model.code.structs)
    assert not lacking, "python -m benchmarks.costs --code"
    assert all(size > 0 for size in model.code.functions.values())


def array_bytes(plan: Plan) -> int:
    found = {key: size for step in plan.steps for key, size in FLASH.parts(step).items()}
    return sum(size for key, size in found.items() if isinstance(key, tuple) and isinstance(key[0], str))


@pytest.mark.parametrize("optimize", ["balanced", "size"])
def test_constants_are_those_that_are_printed(optimize: str) -> None:
    """Of a network with strips, too; without operands that are constants and tables of rows."""
    for graph in (residual_net(), mobilenet_v2(0.35, 48, 10)):
        plan = pipeline.schedule(graph, BOARD, optimize=optimize)
        sources = generate(plan)
        text = sources.files[f"{sources.name}_weights.h"]
        rows = sum(int(size) for size in re.findall(r"\w+_(?:rows|begin|end)(?:_\d+)?\) == (\d+)", text))
        stated = re.search(r": (\d+) bytes\. Included", text)
        assert stated and array_bytes(plan) == int(stated[1]) - rows


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_the_least_flash_in_no_more_memory(graph: Graph) -> None:
    balanced, size = (pipeline.schedule(graph, BOARD, optimize=name) for name in ("balanced", "size"))
    check_memory(size)
    assert size.arena_bytes <= balanced.arena_bytes
    assert plan_bytes(size, FLASH) <= plan_bytes(balanced, FLASH)


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_what_is_compiled_is_smaller() -> None:
    toolchain = find_toolchain(BOARD)
    balanced, size = (pipeline.schedule(residual_net(), BOARD, optimize=name) for name in ("balanced", "size"))
    fast = replace(balanced, optimize="size")
    taken = [model_sections(plan, BOARD, toolchain).flash_bytes for plan in (balanced, fast, size)]
    assert taken[0] >= taken[1] > taken[2]
    assert abs(plan_bytes(size, FLASH) / taken[2] - 1) < 0.25  # functions of one caller are specialised


def test_without_code_sizes_few_kernels_are_taken() -> None:
    graph = residual_net()
    balanced, size = (pipeline.schedule(graph, load_board("host"), optimize=name) for name in ("balanced", "size"))
    names = [{step.kernel.name for step in plan.steps} for plan in (balanced, size)]
    assert len(names[1]) <= len(names[0])


def test_the_choice_is_told_and_not_tuned() -> None:
    plan = pipeline.schedule(residual_net(), BOARD, optimize="size")
    assert pipeline.kernel_choice(plan, BOARD) == "size"
    with pytest.raises(UsageError, match="not chosen by counts"):
        pipeline.tune(residual_net(), BOARD, optimize="size")
