"""What a command prints: one JSON object with --json, tables otherwise; logs and progress go to stderr."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tinyml.errors import FitError, TinymlError

JSON_VERSION = 1
PIPE_WIDTH = 1000  # a file or another program reads whole lines


@dataclass(frozen=True)
class Output:
    """How to speak: `as_json` one object on stdout, `verbosity` -1 quiet, 0 normal, 1 verbose."""

    command: str
    as_json: bool = False
    verbosity: int = 0

    @property
    def console(self) -> Console:
        console = Console(highlight=False, soft_wrap=True)
        if not console.is_terminal:
            console.width = PIPE_WIDTH
        return console

    def result(self, facts: Mapping[str, Any], *tables: Table | str) -> None:
        """The command's answer: `facts` as JSON, or the tables."""
        if self.as_json:
            click.echo(json.dumps({"version": JSON_VERSION, "command": self.command, **facts}, indent=2))
            return
        for table in tables if self.verbosity >= 0 else ():
            self.console.print(table, markup=False) if isinstance(table, str) else self.console.print(table)

    def failure(self, error: TinymlError, exit_code: int) -> int:
        """An error on stderr, and as JSON on stdout where that was asked for; returns the exit code."""
        click.echo(f"tinyml: {error}", err=True)
        if self.as_json:
            facts: dict[str, Any] = {"exit_code": exit_code, "message": error.message, "hint": error.hint}
            if isinstance(error, FitError):
                facts["remedies"] = [remedy["text"] for remedy in error.remedies]
                facts["remedy_plans"] = list(error.remedies)
            click.echo(json.dumps({"version": JSON_VERSION, "command": self.command, "error": facts}, indent=2))
        return exit_code

    @contextmanager
    def progress(self, title: str) -> Iterator[Any]:
        """A callback (done, total) that draws a bar on stderr when that is a terminal."""
        console = Console(stderr=True)
        if not console.is_terminal or self.verbosity < 0:
            yield None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def set_up_logging(verbosity: int) -> None:
    level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler], force=True)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table whose numbers are right-aligned and grouped by thousands."""
    result = Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], (int, float)) for row in rows)
        result.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        result.add_row(*(_cell(value) for value in row))
    return result


def _cell(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
