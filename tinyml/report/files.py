"""Reports into files: the suffix says the format, and a file is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from tinyml.errors import UsageError
from tinyml.output import file_written_whole
from tinyml.report.drawing import Drawing
from tinyml.report.memory_map import memory_map
from tinyml.report.pareto import pareto_drawing
from tinyml.report.png import require_matplotlib, write_png
from tinyml.report.svg import to_svg
from tinyml.report.timeline import timeline_facts, timeline_text
from tinyml.scheduler import Plan

PLOTS = (".svg", ".png")
TIMELINES = (".txt", ".json", *PLOTS)


def require_format(file: Path, suffixes: Collection[str]) -> None:
    """Raises UsageError for a suffix that is none of these, and for .png without matplotlib."""
    if file.suffix not in suffixes:
        stem = file.stem or "plot"
        raise UsageError(f"{file} does not end in {' or '.join(suffixes)}", hint=f"{stem}{next(iter(suffixes))}")
    if file.suffix == ".png":
        require_matplotlib()


def write_pareto(file: Path, plans: Sequence[Plan], limit_bytes: int, where: str) -> None:
    """The plot of `pareto_drawing`, .svg or .png."""
    require_format(file, PLOTS)
    with file_written_whole(file) as fresh:
        _write_drawing(pareto_drawing(plans, limit_bytes, where), fresh)


def write_timeline(file: Path, plan: Plan) -> None:
    """The memory of a plan step by step: .txt a table, .json facts, .svg and .png a map."""
    require_format(file, TIMELINES)
    texts: Mapping[str, Callable[[Plan], str]] = {
        ".txt": timeline_text,
        ".json": lambda plan: json.dumps(timeline_facts(plan), indent=2) + "\n",
    }
    with file_written_whole(file) as fresh:
        if file.suffix in texts:
            fresh.write_text(texts[file.suffix](plan), encoding="utf-8")
        else:
            _write_drawing(memory_map(plan), fresh)


def _write_drawing(drawing: Drawing, fresh: Path) -> None:
    if fresh.suffix == ".png":
        write_png(drawing, fresh)
    else:
        fresh.write_text(to_svg(drawing), encoding="utf-8")
