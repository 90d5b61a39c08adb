"""plan, kernels: what would run, and what there is to run it with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tinyml import pipeline
from tinyml.board import load_board
from tinyml.cli.facts import estimate_facts, estimate_lines, passes_facts, passes_lines, plan_facts, remedies_facts
from tinyml.cli.options import (
    Calibrating,
    board_option,
    calibrating_options,
    load_int8,
    model_argument,
    planning_options,
    speaks,
)
from tinyml.cli.output import Output, table
from tinyml.cli.setting import FilePath
from tinyml.costs import estimate
from tinyml.passes import Saving
from tinyml.report.files import TIMELINES, require_format, write_timeline
from tinyml.scheduler.choice import Wishes


@click.command()
@model_argument
@board_option
@planning_options
@click.option(
    "--timeline",
    type=FilePath(),
    metavar="FILE",
    help="Write the memory step by step: a table (.txt), facts (.json) or a map (.svg, .png).",
)
@calibrating_options
@speaks
def plan(
    model: Path, board: str, planning: Wishes, timeline: Path | None, calibrating: Calibrating, out: Output
) -> None:
    """The schedule of MODEL: its steps, where each reads and writes, and where the peak is. Needs no compiler."""
    from codegen.step_table import step_table

    if timeline is not None:
        require_format(timeline, TIMELINES)
    report: list[Saving] = []
    schedule = pipeline.plan(load_int8(model, calibrating, out, report), board, **asdict(planning))
    target = load_board(board)
    about = estimate(schedule, target), pipeline.kernel_choice(schedule, target)
    facts = {"board": board, "model": schedule.graph.name, "fits": True, **plan_facts(schedule), **remedies_facts()}
    facts |= estimate_facts(*about)
    if timeline is not None:
        write_timeline(timeline, schedule)
        facts["timeline"] = str(timeline)
    written = [f"memory step by step in {timeline}"] if timeline is not None else []
    facts["passes"] = passes_facts(report)
    lines = [*estimate_lines(*about), *passes_lines(report), *written]
    out.result(facts, "\n".join(step_table(schedule)), *lines)


@click.command()
@speaks
def kernels(out: Output) -> None:
    """Every C kernel, in the order of preference."""
    from codegen.kernels import KERNELS

    facts = [{"name": k.name, "op": k.op.kind, "requires": sorted(k.requires), "by_rows": k.by_rows} for k in KERNELS]
    rows = [(k.op.kind, k.name, " ".join(sorted(k.requires)) or "portable C", k.by_rows) for k in KERNELS]
    out.result({"kernels": facts}, table("", ("op", "kernel", "needs", "by rows"), rows))
