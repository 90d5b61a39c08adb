"""Directories and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from tinyml.errors import UsageError

MARKER = "firmware.json"  # made last; its "files" lists what is ours


@contextlib.contextmanager
def written_whole(output_dir: Path, marker: str = MARKER) -> Iterator[Path]:
    """A fresh directory beside `output_dir` that takes its place when the block ends without an error.

    The block must leave a file `marker`: JSON with a list "files". A directory that we made before is replaced; one
    that holds anything else is left alone. Raises UsageError for that, and for whatever the file system refuses (a full
    disk, no permission).
    """
    target = output_dir.resolve()
    _refuse_foreign(target, marker)
    fresh = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        fresh.mkdir(parents=True)
        yield fresh
        _refuse_foreign(target, marker)
        _swap(fresh, target)
    except OSError as error:
        raise UsageError(f"cannot write {output_dir}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextlib.contextmanager
def file_written_whole(file: Path) -> Iterator[Path]:
    """A fresh path beside `file`, of its suffix, that takes its place when the block ends without an error.

    A file that is there is replaced. Raises UsageError for a directory, and for whatever the file system refuses.
    """
    target = file.resolve()
    if target.is_dir():
        raise UsageError(f"{file} is a directory", hint="name a file")
    fresh = target.with_name(f".{secrets.token_hex(4)}.{target.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield fresh
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror or error}") from error


def write_file(file: Path, content: bytes) -> None:
    """The file, replaced if it is there. Raises UsageError for whatever the file system refuses."""
    with file_written_whole(file) as fresh:
        fresh.write_bytes(content)


def _swap(fresh: Path, target: Path) -> None:
    if not target.exists():
        fresh.rename(target)
        return
    old = fresh.with_name(f"{fresh.name}.old")
    target.rename(old)
    try:
        fresh.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _refuse_foreign(target: Path, marker: str) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise UsageError(f"{target} is there and is not a directory")
    foreign = _foreign_files(target, marker)
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise UsageError(f"{target} holds {foreign[0]}{more}, not made by tinyml", hint="name another output directory")


def _foreign_files(target: Path, marker: str) -> list[str]:
    """Files that our marker does not list; what `make` builds in build/ is ours too."""
    there = sorted(path.relative_to(target) for path in target.rglob("*") if path.is_symlink() or not path.is_dir())
    try:
        ours = set(json.loads((target / marker).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    return [path.as_posix() for path in there if path.as_posix() not in ours and (path.parts[0] != "build" or not ours)]
