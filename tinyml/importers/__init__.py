"""Model files to Graphs. A new format is one file here and one line in IMPORTERS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.ir import Graph

MAX_FILE_BYTES = 1 << 28
SAVED_MODEL = "saved_model.pb"  # what makes a directory a model

Shapes = Mapping[str, Sequence[int]]
Importer = Callable[
    [bytes, Path, Shapes], Graph
]  # the file's bytes, where it lies, shapes of inputs that it leaves free


# imported when used: a reader brings its format's packages with it


def _tflite(data: bytes, path: Path, shapes: Shapes) -> Graph:
    from tinyml.importers.from_tflite import from_tflite

    return from_tflite(data, path.stem)


def _onnx(data: bytes, path: Path, shapes: Shapes) -> Graph:
    from tinyml.importers.from_onnx import from_onnx

    return from_onnx(data, path.stem, path.parent, shapes)


def _pt2(data: bytes, path: Path, shapes: Shapes) -> Graph:
    from tinyml.importers.from_torch import from_pt2

    return from_pt2(data, path.stem)


def _pickle(data: bytes, path: Path, shapes: Shapes) -> Graph:
    from tinyml.importers.from_torch import refuse_pickle

    return refuse_pickle(path)


def _keras(data: bytes, path: Path, shapes: Shapes) -> Graph:
    from tinyml.importers.from_keras import from_keras

    return from_keras(path)


IMPORTERS: dict[str, Importer] = {
    ".h5": _keras,
    ".keras": _keras,
    ".onnx": _onnx,
    ".pt": _pickle,
    ".pt2": _pt2,
    ".pth": _pickle,
    ".tflite": _tflite,
}


def load(path: str | Path, shapes: Shapes | None = None) -> Graph:
    """The graph of a model file, by its suffix, or of a SavedModel directory; named after it, with its sha256.

    shapes: of inputs, by name, where an .onnx file leaves sides free besides the batch.
    Raises UsageError for a file that cannot be read, ModelError for a damaged one, UnsupportedError for what the SDK
    lacks.
    """
    path = Path(path)
    if _is_saved_model(path):
        return _saved_model(path)
    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        known = ", ".join(sorted(IMPORTERS))
        raise UsageError(f"{path}: unknown model format {path.suffix or '(no suffix)'!r}", hint=f"a file of {known}")
    if shapes and importer is not _onnx:
        raise UsageError(f"{path}: shapes of inputs are for .onnx files; the others state theirs")
    data = _read(path)
    with _named(path):
        graph = importer(data, path, shapes or {})
    return graph if graph.sha256 else replace(graph, sha256=hashlib.sha256(data).hexdigest())


def _is_saved_model(path: Path) -> bool:
    try:
        return (path / SAVED_MODEL).is_file()
    except (OSError, ValueError):
        return False


def _saved_model(path: Path) -> Graph:
    from tinyml.importers.from_keras import from_keras

    files = sorted(file for file in path.rglob("*") if file.is_file())
    if sum(file.stat().st_size for file in files) > MAX_FILE_BYTES:
        raise UsageError(f"{path}: models of up to {MAX_FILE_BYTES} bytes are read")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\n".encode())
        digest.update(_read(file))
    with _named(path):
        graph = from_keras(path)
    return replace(graph, sha256=digest.hexdigest())


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of a reader, who sees bytes, name the file."""
    try:
        yield
    except (ModelError, UnsupportedError) as error:
        if str(path) in error.message:
            raise
        raise type(error)(f"{path}: {error.message}", error.hint) from error


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
