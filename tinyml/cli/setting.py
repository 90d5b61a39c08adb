"""Types of options, and what a settings file may say for each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

_SAID = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}


class Number(click.FloatRange):
    """A finite number, of `min` or more where that is stated."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        number = super().convert(value, param, context)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, context)
        return number


class FilePath(click.Path):
    """A path; an empty one, as an unset variable of a shell leaves it, would be the working directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if value == "":
            self.fail("the path is empty.", param, context)
        return super().convert(value, param, context)


def check_value(option: click.Option, context: click.Context, value: Any) -> str:
    """What is wrong with the value of an option in a settings file; empty where nothing is.

    A file states types: numbers without quotes, an option that may be repeated as a list.
    """
    kind = _kind(option)
    values = value if option.multiple and isinstance(value, list) else [value]
    if (option.multiple and not isinstance(value, list)) or not all(_is(kind, one) for one in values):
        return f"a list of {_SAID[kind]} expected" if option.multiple else f"{_SAID[kind]} expected"
    try:
        option.process_value(context, value)
    except click.BadParameter as error:
        return error.message
    return ""


def _kind(option: click.Option) -> type:
    if option.is_flag:
        return bool
    if isinstance(option.type, type(click.INT)):
        return int
    return float if isinstance(option.type, type(click.FLOAT)) else str


def _is(kind: type, value: Any) -> bool:
    if isinstance(value, bool) or kind is bool:
        return kind is bool and isinstance(value, bool)
    return isinstance(value, (int, float) if kind is float else kind)
