"""check --pareto: what memory costs in work, on every board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from tinyml import pipeline
from tinyml.board import Board
from tinyml.cli.facts import graph_ports
from tinyml.cli.output import Output, table
from tinyml.errors import CheckError, UsageError
from tinyml.ir import Graph
from tinyml.report.files import PLOTS, require_format, write_pareto
from tinyml.report.pareto import work_factor
from tinyml.scheduler import Plan
from tinyml.scheduler.choice import Wishes
from tinyml.scheduler.slices import slice_counts


def require_plot(plot: Path, boards: Sequence[Board]) -> None:
    """UsageError unless the plans for these boards can be drawn in such a file."""
    require_format(plot, PLOTS)
    if len(boards) > 1:
        raise UsageError("--plot draws the plans for one board", hint=f"--board {boards[0].name}")


def check_pareto(graph: Graph, boards: Sequence[Board], planning: Wishes, plot: Path | None, out: Output) -> int:
    """The command; exit code 1 when no plan fits one of the boards. Nothing is compiled."""
    fronts = [
        (board, board.granting(planning.sram_bytes).sram_bytes, _front(graph, board, planning, out)) for board in boards
    ]
    rows = [_row(board, limit, plans) for board, limit, plans in fronts]
    fits = all(row["fits"] for row in rows)
    facts = {"model": graph.name, "model_sha256": graph.sha256, "fits": fits, **graph_ports(graph), "boards": rows}
    lines = []
    if plot is not None:
        board, limit, plans = fronts[0]
        write_pareto(plot, plans, limit, board.name)
        facts["plot"] = str(plot)
        lines.append(f"plot in {plot}")
    out.result(facts, *(_table(graph, row) for row in rows), *lines)
    return 0 if fits else CheckError.exit_code


def _front(graph: Graph, board: Board, planning: Wishes, out: Output) -> list[Plan]:
    plans: list[Plan] = []
    with out.progress(f"plans for {board.name}") as progress:
        for plan in pipeline.pareto(graph, board, **asdict(planning)):
            plans.append(plan)
            if progress:
                progress(len(plans), None)
    return plans


def _row(board: Board, limit_bytes: int, plans: Sequence[Plan]) -> dict[str, Any]:
    points = [_point(plan, limit_bytes) for plan in plans]
    fits = any(point["fits"] for point in points)
    return {"board": board.name, "fits": fits, "limit_bytes": limit_bytes, "pareto": points}


def _point(plan: Plan, limit_bytes: int) -> dict[str, Any]:
    return {
        "feed": "rows" if plan.fed is not None else "resident",
        "arena_bytes": plan.arena_bytes,
        "arena_lower_bound_bytes": plan.lower_bound_bytes,
        "arena_proved_minimal": plan.is_minimal,
        "macs": plan.graph.macs,
        "macs_executed": plan.macs_executed,
        "recompute": round(work_factor(plan), 6),
        "kernel_calls": plan.kernel_calls,
        "slices": slice_counts(plan.graph),
        "fits": plan.arena_bytes + plan.state_bytes <= limit_bytes,
    }


def _table(graph: Graph, row: Mapping[str, Any]) -> Table:
    facts = ("macs_executed", "kernel_calls", "blocks", "fits")
    points = [{**point, "blocks": len(point["slices"])} for point in row["pareto"]]
    cells = [(p["feed"], p["arena_bytes"], f"{p['recompute']:.4f}", *(p[key] for key in facts)) for p in points]
    columns = ("input", "arena", "x MACs", "MACs", "kernel calls", "in slices", f"within {row['limit_bytes']:,}")
    return table(f"{graph.name} on {row['board']}", columns, cells)
