"""build, test, check: from a model to firmware, to a verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from tinyml import pipeline
from tinyml.board import load_board
from tinyml.cli.facts import (
    build_facts,
    build_table,
    check_table,
    graph_ports,
    plan_facts,
    verification_facts,
    verification_table,
)
from tinyml.cli.options import (
    Calibrating,
    board_option,
    calibrating_options,
    data_option,
    load_int8,
    model_argument,
    planning_options,
    port_option,
    reference_option,
    samples_option,
    speaks,
    toolchain_option,
)
from tinyml.cli.output import Output
from tinyml.errors import CheckError, FitError
from tinyml.firmware import Firmware
from tinyml.ir import Graph
from tinyml.profiler.verification import Verification
from tinyml.samples import Samples, load_samples, made_up_samples
from tinyml.scheduler import Plan
from tinyml.scheduler.choice import Wishes
from tinyml.scheduler.fit import require_arena_fits
from tinyml.toolchain import find_toolchain

MADE_UP_SAMPLES = 20


@click.command()
@model_argument
@board_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Project directory; default: MODEL-BOARD.")
@click.option(
    "--flash", "do_flash", is_flag=True, help="Put it on the board (or start the emulator) and see it answer."
)
@click.option("--test", "do_test", is_flag=True, help="Run samples on the board and compare every output value.")
@click.option("--profile", is_flag=True, help="Count every step; costs 4 bytes of SRAM a step.")
@port_option
@data_option
@samples_option
@reference_option
@toolchain_option
@planning_options
@calibrating_options
@speaks
def build(
    model: Path,
    board: str,
    output: Path | None,
    do_flash: bool,
    do_test: bool,
    profile: bool,
    port: str | None,
    data: Path | None,
    samples: int | None,
    reference: str,
    toolchain: str | None,
    planning: Wishes,
    calibrating: Calibrating,
    out: Output,
) -> int:
    """The main job: MODEL to C, to firmware for a board; with --test to outputs proved equal to the reference."""
    graph, plan, firmware = _build(
        partial(load_int8, model, calibrating, out),
        board,
        output or Path(f"{model.stem}-{board}"),
        toolchain,
        planning,
        profile,
    )
    facts = build_facts(plan, firmware)
    tables: list[Any] = [build_table(plan, firmware)]
    verdict = None
    if do_test:
        original = _original(model, calibrating)
        verdict = _verify(graph, original, firmware, _samples(graph, data, samples), port, reference, out)
        facts["test"] = verification_facts(verdict)
        tables.append(verification_table(verdict, firmware))
    elif do_flash:
        with pipeline.connect(firmware.board, port) as device:
            device.flash(firmware)
    out.result(facts, *tables, f"project in {firmware.output_dir}")
    return _exit_code(verdict)


@click.command()
@model_argument
@board_option
@port_option
@data_option
@samples_option
@reference_option
@toolchain_option
@planning_options
@calibrating_options
@speaks
def test(
    model: Path,
    board: str,
    port: str | None,
    data: Path | None,
    samples: int | None,
    reference: str,
    toolchain: str | None,
    planning: Wishes,
    calibrating: Calibrating,
    out: Output,
) -> int:
    """Builds MODEL in a temporary place, runs samples on the board and compares every output value."""
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        loading = partial(load_int8, model, calibrating, out)
        graph, _, firmware = _build(loading, board, Path(directory) / "firmware", toolchain, planning)
        original = _original(model, calibrating)
        verdict = _verify(graph, original, firmware, _samples(graph, data, samples), port, reference, out)
    facts = {"board": board, "model": graph.name, "model_sha256": graph.sha256, **verification_facts(verdict)}
    out.result(facts, verification_table(verdict, firmware))
    return _exit_code(verdict)


@click.command()
@model_argument
@click.option("--board", "-b", required=True, envvar="TINYML_BOARD", help="Board names, with commas between.")
@toolchain_option
@planning_options
@calibrating_options
@speaks
def check(
    model: Path, board: str, toolchain: str | None, planning: Wishes, calibrating: Calibrating, out: Output
) -> int:
    """Does MODEL fit? Compiles and links it for every board; exit code 1 when it does not fit one."""
    names = [load_board(name.strip()).name for name in board.split(",")]
    graph = load_int8(model, calibrating, out)
    rows = [_check_one(graph, name, toolchain, planning) for name in names]
    messages = [f"{row['board']}: {row['message']}" for row in rows if not row["fits"]]
    fits = all(row["fits"] for row in rows)
    facts = {"model": graph.name, "model_sha256": graph.sha256, "fits": fits, **graph_ports(graph), "boards": rows}
    out.result(facts, check_table(rows), *messages)
    return 0 if fits else CheckError.exit_code


def _check_one(graph: Graph, name: str, toolchain: str | None, planning: Wishes) -> Mapping[str, Any]:
    """One board's row: the sizes, measured on the linked firmware, or why it does not fit and what may help."""
    board = load_board(name)
    plan = pipeline.schedule(graph, board, **asdict(planning))
    row = {"board": name, **plan_facts(plan), "compiler": None, "message": None, "remedies": []}
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        try:
            require_arena_fits(plan, board.sram_bytes, name)
            compiler = find_toolchain(board, toolchain)
            firmware = pipeline.build(plan, Path(directory) / "firmware", toolchain=compiler)
        except FitError as error:
            return {**row, "fits": False, "message": error.message, "remedies": [error.hint]}
    return {**row, "fits": True, "compiler": firmware.compiler, "sram": firmware.sram, "flash": firmware.flash}


def _build(
    loading: Callable[[], Graph],
    board: str,
    output: Path,
    toolchain: str | None,
    planning: Wishes,
    profile: bool = False,
) -> tuple[Graph, Plan, Firmware]:
    target = load_board(board)
    compiler = find_toolchain(target, toolchain)
    graph = loading()
    plan = pipeline.plan(graph, target, **asdict(planning))
    return graph, plan, pipeline.build(plan, output, toolchain=compiler, profile=profile)


def _samples(graph: Graph, data: Path | None, count: int | None) -> Samples:
    return load_samples(data, graph, count) if data else made_up_samples(graph, count or MADE_UP_SAMPLES)


def _original(model: Path, calibrating: Calibrating) -> Path | Graph:
    """What `pipeline.test` takes for the model: a file that needs shapes is read with them."""
    return pipeline.read(model, shapes=calibrating.shapes) if calibrating.shapes else model


def _verify(
    graph: Graph,
    model: Path | Graph,
    firmware: Firmware,
    samples: Samples,
    port: str | None,
    reference: str,
    out: Output,
) -> Verification:
    with out.progress(f"{len(samples)} inferences on {firmware.board.name}") as progress:
        return pipeline.test(firmware, graph, model, samples, port=port, reference=reference, progress=progress)


def _exit_code(verdict: Verification | None) -> int:
    return 0 if verdict is None or verdict.bit_exact else CheckError.exit_code
