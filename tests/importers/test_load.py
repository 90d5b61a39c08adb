"""`load`: a path to a Graph, and one clear error for everything that is not a model file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.cli.commands import write_unsupported
from tests.importers.tflite_files import tiny_network
from tinyml import importers
from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import graph_text


def test_load(tmp_path: Path) -> None:
    path, data = tmp_path / "tiny.TFLITE", to_tflite(tiny_network())
    path.write_bytes(data)
    graph = importers.load(path)
    assert (graph.name, graph.sha256) == ("tiny", hashlib.sha256(data).hexdigest())
    assert graph_text(graph) == graph_text(tiny_network())


@pytest.mark.parametrize("suffix", ["tflite", "onnx", "pt2"])
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty.{suffix}"
    path.touch()
    with pytest.raises(ModelError) as caught:
        importers.load(path)
    assert caught.value.message.startswith(f"{path}: ")


def test_what_is_unsupported_is_listed_with_the_file_and_what_to_do(tmp_path: Path) -> None:
    path = write_unsupported(tmp_path / "cos.tflite")
    with pytest.raises(UnsupportedError) as caught:
        importers.load(path)
    assert caught.value.message.startswith(f"{path}: the model needs what is not supported\n  ")
    assert "COS" in caught.value.message
    assert "docs/importing.md" in caught.value.hint


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        importers.load(tmp_path / "absent.tflite")


def test_directory(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").mkdir()
    with pytest.raises(UsageError, match="a directory"):
        importers.load(tmp_path / "model.tflite")


def test_not_a_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(UsageError, match="not a regular file"):
        importers.load(tmp_path / "pipe.tflite")


@pytest.mark.parametrize("name", ["model.zip", "model", "model.tflite.zip"])
def test_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"(?s)unknown model format.*\.tflite"):
        importers.load(tmp_path / name)


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.tflite").write_bytes(b"")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UsageError, match=r"cannot be read .Permission denied."):
        importers.load(tmp_path / "secret.tflite")


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large.tflite"
    with path.open("wb") as file:
        file.truncate(importers.MAX_FILE_BYTES + 1)
    with pytest.raises(UsageError, match=f"{importers.MAX_FILE_BYTES + 1} bytes"):
        importers.load(path)


def test_name_with_a_null_byte() -> None:
    with pytest.raises(UsageError):
        importers.load("a\0b.tflite")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.tflite").write_bytes(b"")
    with pytest.raises(ModelError, match="0 bytes"):
        importers.load(tmp_path / "empty.tflite")
