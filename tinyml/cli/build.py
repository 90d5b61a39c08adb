"""build, test, check: from a model to firmware, to a verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.cli.facts import (
    build_facts,
    build_table,
    check_notes,
    check_table,
    estimate_facts,
    estimate_lines,
    graph_ports,
    passes_facts,
    passes_lines,
    plan_facts,
    profile_table,
    remedies_facts,
    verification_facts,
    verification_table,
)
from tinyml.cli.options import (
    Calibrating,
    board_option,
    calibrating_options,
    chosen_samples,
    data_option,
    force_option,
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
from tinyml.cli.pareto import check_pareto, require_plot
from tinyml.cli.setting import FilePath
from tinyml.costs import estimate
from tinyml.device.device import require_reachable
from tinyml.errors import CheckError, FitError, UsageError
from tinyml.firmware import Firmware
from tinyml.ir import Graph
from tinyml.output import require_replaceable
from tinyml.passes import Saving
from tinyml.profiler.verification import Verification
from tinyml.samples import Samples
from tinyml.scheduler.choice import Wishes
from tinyml.toolchain import find_toolchain

MADE_UP_SAMPLES = 20


@click.command()
@model_argument
@board_option
@click.option("-o", "--output", type=FilePath(), help="Project directory; default: MODEL-BOARD.")
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
@force_option
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
    force: bool,
    planning: Wishes,
    calibrating: Calibrating,
    out: Output,
) -> int:
    """The main job: MODEL to C, to firmware for a board; with --test to outputs proved equal to the reference."""
    target = load_board(board)
    compiler = find_toolchain(target, toolchain)
    directory = output or Path(f"{model.stem}-{board}")
    require_replaceable(directory, force=force)
    if do_test or do_flash:
        require_reachable(target, port)
    report: list[Saving] = []
    graph = load_int8(model, calibrating, out, report)
    given = chosen_samples(graph, data, samples, MADE_UP_SAMPLES) if do_test else None
    plan = pipeline.plan(graph, target, toolchain=compiler, **asdict(planning))
    firmware = pipeline.build(plan, directory, toolchain=compiler, profile=profile, force=force)
    about = estimate(plan, target), pipeline.kernel_choice(plan, target, compiler)
    facts = {
        **build_facts(plan, firmware),
        **estimate_facts(*about),
        "passes": passes_facts(report),
    }
    tables: list[Any] = [build_table(plan, firmware)]
    verdict = None
    if given is not None:
        original = _original(model, calibrating)
        verdict = _verify(graph, original, firmware, given, port, reference, out)
        facts["test"] = verification_facts(verdict)
        tables.append(verification_table(verdict, firmware))
        if profile:
            counted_on = given if data else None
            counted = pipeline.profile_plan(plan, counted_on, counting=firmware, port=port, toolchain=compiler)
            facts["profile"] = counted.to_dict()
            tables.append(profile_table(counted))
    elif do_flash:
        with pipeline.connect(target, port) as device:
            device.flash(firmware)
    lines = [*estimate_lines(*about), *passes_lines(report)]
    out.result(facts, *tables, *lines, f"project in {firmware.output_dir}")
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
    target = load_board(board)
    compiler = find_toolchain(target, toolchain)
    require_reachable(target, port)
    graph = load_int8(model, calibrating, out)
    given = chosen_samples(graph, data, samples, MADE_UP_SAMPLES)
    plan = pipeline.plan(graph, target, toolchain=compiler, **asdict(planning))
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        firmware = pipeline.build(plan, Path(directory) / "firmware", toolchain=compiler)
        original = _original(model, calibrating)
        verdict = _verify(graph, original, firmware, given, port, reference, out)
    facts = {"board": board, "model": graph.name, "model_sha256": graph.sha256, **verification_facts(verdict)}
    out.result(facts, verification_table(verdict, firmware))
    return _exit_code(verdict)


@click.command()
@model_argument
@click.option("--board", "-b", required=True, envvar="TINYML_BOARD", help="Board names, with commas between.")
@toolchain_option
@planning_options
@calibrating_options
@click.option("--pareto", is_flag=True, help="What memory costs in work: every plan that no other beats in both.")
@click.option("--plot", type=FilePath(), metavar="FILE", help="With --pareto: draw it, as .svg or .png.")
@speaks
def check(
    model: Path,
    board: str,
    toolchain: str | None,
    planning: Wishes,
    calibrating: Calibrating,
    pareto: bool,
    plot: Path | None,
    out: Output,
) -> int:
    """Does MODEL fit? Compiles and links it for every board; exit code 1 when it does not fit one."""
    if plot is not None and not pareto:
        raise UsageError("--plot draws what --pareto finds", hint="add --pareto")
    boards = [load_board(name.strip()) for name in board.split(",")]
    if plot is not None:
        require_plot(plot, boards)
    graph = load_int8(model, calibrating, out)
    if pareto:
        return check_pareto(graph, boards, planning, plot, out)
    rows = [_check_one(graph, board, toolchain, planning) for board in boards]
    messages = [f"{row['board']}: {row['message']}" for row in rows if not row["fits"]]
    fits = all(row["fits"] for row in rows)
    facts = {"model": graph.name, "model_sha256": graph.sha256, "fits": fits, **graph_ports(graph), "boards": rows}
    out.result(facts, check_table(rows), *messages, *check_notes(rows))
    return 0 if fits else CheckError.exit_code


def _check_one(graph: Graph, board: Board, toolchain: str | None, planning: Wishes) -> Mapping[str, Any]:
    """One board's row: the sizes, measured on the linked firmware, or why it does not fit and what may help."""
    stated = find_toolchain(board, toolchain) if toolchain else None
    plan = pipeline.schedule(graph, board, toolchain=stated, **asdict(planning))
    estimated = estimate_facts(estimate(plan, board), pipeline.kernel_choice(plan, board, stated))
    row = {"board": board.name, **plan_facts(plan), **estimated, "compiler": None, "message": None, **remedies_facts()}
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        try:
            pipeline.require_fit(plan, board, **asdict(planning))
            compiler = find_toolchain(board, toolchain)
            firmware = pipeline.build(plan, Path(directory) / "firmware", toolchain=compiler)
        except FitError as error:
            return {**row, "fits": False, "message": error.message, **remedies_facts(error)}
    return {**row, "fits": True, "compiler": firmware.compiler, "sram": firmware.sram, "flash": firmware.flash}


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
