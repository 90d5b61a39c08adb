"""Model files to Graphs. A new format is one file here and one line in IMPORTERS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinyml.errors import UsageError
from tinyml.ir import Graph

MAX_FILE_BYTES = 1 << 28


def _tflite(data: bytes, name: str) -> Graph:
    # imported when used: a reader brings its format's packages with it
    from tinyml.importers.from_tflite import from_tflite

    return from_tflite(data, name)


IMPORTERS: dict[str, Callable[[bytes, str], Graph]] = {
    ".tflite": _tflite,
}


def load(path: str | Path) -> Graph:
    """The graph of a model file, by its suffix; named after the file, with the file's sha256.

    Raises UsageError for a file that cannot be read, ModelError for a damaged one, UnsupportedError for what the SDK
    lacks.
    """
    path = Path(path)
    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        known = ", ".join(sorted(IMPORTERS))
        raise UsageError(f"{path}: unknown model format {path.suffix or '(no suffix)'!r}", hint=f"a file of {known}")
    data = _read(path)
    return replace(importer(data, path.stem), sha256=hashlib.sha256(data).hexdigest())


def _read(path: Path) -> bytes:
    try:
        if not path.exists():
            raise UsageError(f"{path}: no such file")
        if not path.is_file():
            raise UsageError(f"{path}: {'a directory' if path.is_dir() else 'not a regular file'}, not a model")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UsageError(f"{path}: {size} bytes; models of up to {MAX_FILE_BYTES} are read")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


__all__ = ["IMPORTERS", "MAX_FILE_BYTES", "load"]
