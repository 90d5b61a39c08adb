"""profile, tune, bisect: what every step of a model costs on a board, with which kernel, and the first that differs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tinyml import pipeline
from tinyml.board import load_board
from tinyml.cli.facts import profile_table, tuning_facts, tuning_table
from tinyml.cli.options import (
    Calibrating,
    board_option,
    calibrating_options,
    chosen_samples,
    data_option,
    load_int8,
    model_argument,
    planning_options,
    port_option,
    speaks,
    toolchain_option,
)
from tinyml.cli.output import Output
from tinyml.device.device import require_reachable
from tinyml.errors import CheckError
from tinyml.samples import load_samples
from tinyml.scheduler.choice import Wishes
from tinyml.toolchain import find_toolchain


@click.command()
@model_argument
@board_option
@port_option
@data_option
@click.option(
    "--samples", type=click.IntRange(1), envvar="TINYML_SAMPLES", help="How many of --data; without, one of noise runs."
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="The N most expensive steps instead of all in order.")
@toolchain_option
@planning_options
@calibrating_options
@speaks
def profile(
    model: Path,
    board: str,
    port: str | None,
    data: Path | None,
    samples: int | None,
    top: int | None,
    toolchain: str | None,
    planning: Wishes,
    calibrating: Calibrating,
    out: Output,
) -> None:
    """What every step of MODEL costs on the board: counts, MACs, memory alive. Builds in a temporary place."""
    target = load_board(board)
    compiler = find_toolchain(target, toolchain)
    require_reachable(target, port)
    graph = load_int8(model, calibrating, out)
    given = load_samples(data, graph, samples) if data else None
    found = pipeline.profile(graph, target, given, port=port, toolchain=compiler, **asdict(planning))
    out.result(found.to_dict(), profile_table(found, top))


@click.command()
@model_argument
@board_option
@port_option
@toolchain_option
@planning_options
@calibrating_options
@speaks
def tune(
    model: Path,
    board: str,
    port: str | None,
    toolchain: str | None,
    planning: Wishes,
    calibrating: Calibrating,
    out: Output,
) -> None:
    """Measures on the board which kernel is fastest for each layer of MODEL; plan, check and build then use it."""
    target = load_board(board)
    compiler = find_toolchain(target, toolchain)
    graph = load_int8(model, calibrating, out)
    with out.progress(f"firmwares measured on {board}") as progress:
        found = pipeline.tune(graph, target, port=port, toolchain=compiler, progress=progress, **asdict(planning))
    facts = {"board": board, "model": graph.name, "model_sha256": graph.sha256, "compiler": str(compiler)}
    out.result({**facts, **tuning_facts(found)}, tuning_table(found, board), f"kept in {found.file}")


@click.command()
@model_argument
@board_option
@port_option
@data_option
@click.option(
    "--samples", type=click.IntRange(1), envvar="TINYML_SAMPLES", help="How many samples: all of --data, 5 without."
)
@toolchain_option
@planning_options
@calibrating_options
@speaks
def bisect(
    model: Path,
    board: str,
    port: str | None,
    data: Path | None,
    samples: int | None,
    toolchain: str | None,
    planning: Wishes,
    calibrating: Calibrating,
    out: Output,
) -> int:
    """Names the first layer of MODEL whose values on the board differ from the interpreter's."""
    target = load_board(board)
    compiler = find_toolchain(target, toolchain)
    require_reachable(target, port)
    graph = load_int8(model, calibrating, out)
    given = chosen_samples(graph, data, samples, pipeline.BISECT_SAMPLES)
    found = pipeline.bisect(graph, target, given, port=port, toolchain=compiler, **asdict(planning))
    out.result(found.to_dict(), str(found))
    return 0 if found.bit_exact else CheckError.exit_code
