"""Directories and files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from tinyml.errors import UsageError

MARKER = "firmware.json"  # made last; its "files" lists what is ours, its "sha256" what we wrote


@contextlib.contextmanager
def written_whole(output_dir: Path, marker: str = MARKER, *, force: bool = False) -> Iterator[Path]:
    """A fresh directory beside `output_dir` that takes its place when the block ends without an error.

    The block must leave a file `marker`: JSON with a list "files", and "sha256" of those that a user may edit
    (`digests`). A directory that we made before is replaced; one that holds anything else, or an edited file without
    `force`, is left alone. Raises UsageError for that, and for whatever the file system refuses (a full disk, no
    permission).
    """
    target = output_dir.resolve()
    require_replaceable(target, marker, force)
    fresh = target.parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        fresh.mkdir(parents=True)
        yield fresh
        require_replaceable(target, marker, force)
        _swap(fresh, target)
    except OSError as error:
        raise UsageError(f"cannot write {output_dir}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def digests(directory: Path, files: Iterable[str]) -> dict[str, str]:
    """SHA-256 by file: what a marker says of files, so that later edits show."""
    return {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in files}


def require_replaceable(output_dir: Path, marker: str = MARKER, force: bool = False) -> None:
    """Raises UsageError where `written_whole` would not replace what is there."""
    target = output_dir.resolve()
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise UsageError(f"{target} is there and is not a directory")
    ours, written = _marked(target, marker)
    if foreign := _foreign_files(target, ours):
        raise UsageError(f"{target} holds {_listed(foreign)}, not made by tinyml", hint="name another output directory")
    edited = [name for name, digest in sorted(written.items()) if _digest(target / name) not in ("", digest)]
    if edited and not force:
        raise UsageError(
            f"{target} holds {_listed(edited)}, edited since tinyml wrote it",
            hint="--force throws edits away; or name another output directory",
        )


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
    if target == Path.cwd() or os.path.ismount(target):  # has to stay the directory that it is
        old.mkdir()
        pairs = ((target, old), (fresh, target))
        _move([(path, into / path.name) for place, into in pairs for path in sorted(place.iterdir())], shutil.move)
    else:
        _move([(target, old), (fresh, target)], Path.rename)
    shutil.rmtree(old, ignore_errors=True)


def _move(moves: Sequence[tuple[Path, Path]], move: Callable[[Path, Path], object]) -> None:
    """All in order, or none."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            move(source, target)
            done.append((source, target))
    except BaseException:  # an interruption, too
        for source, target in reversed(done):
            move(target, source)
        raise


def _marked(target: Path, marker: str) -> tuple[set[str], dict[str, str]]:
    """Files that our marker lists, and the SHA-256 of what we wrote into them, where it says so."""
    try:
        facts = json.loads((target / marker).read_text(encoding="utf-8"))
        return set(facts["files"]), dict(facts.get("sha256", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set(), {}


def _foreign_files(target: Path, ours: Collection[str]) -> list[str]:
    """Files that our marker does not list; what `make` builds in build/ is ours too."""
    there = sorted(path.relative_to(target) for path in target.rglob("*") if path.is_symlink() or not path.is_dir())
    return [path.as_posix() for path in there if path.as_posix() not in ours and (path.parts[0] != "build" or not ours)]


def _digest(file: Path) -> str:
    """Empty where there is no file to read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _listed(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]
