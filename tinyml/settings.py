"""Settings from files: `tinyml.toml`, then `[tool.tinyml]` of `pyproject.toml`, in the working directory.

A key is an option's name with underscores (`board = "qemu_mps2_an386"`); the command line and `TINYML_*`
go before both.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tinyml.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


Check = Callable[[Any], str]  # what is wrong with a value, empty where nothing is


def file_settings(directory: Path, known: Mapping[str, Check]) -> Mapping[str, Any]:
    """Settings of both files, tinyml.toml first.

    Raises UsageError for an unknown key, with the nearest known one, and for a value that its check finds wrong.
    """
    own, shared = directory / "tinyml.toml", directory / "pyproject.toml"
    project = _table(_read(shared).get("tool", {}), shared, "tool").get("tinyml", {})
    settings: dict[str, Any] = {}
    for path, values in ((shared, _table(project, shared, "tool.tinyml")), (own, _read(own))):
        for key, value in values.items():
            if key not in known:
                nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
                raise UsageError(f"{path}: unknown setting {key!r}", hint=" ".join(nearest))
            if wrong := known[key](value):
                raise UsageError(f"{path}: {key} = {value!r}: {wrong}")
            settings[key] = value
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error


def _table(value: object, path: Path, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: [{name}] is not a table")
    return value
