"""A command in an empty directory, free of settings that this machine may have."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Answer, large_graph, small_graph, write_model
from tinyml import cli

Command = Callable[..., Answer]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, the working directory of the test."""
    for name in [name for name in os.environ if name.startswith("TINYML_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TINYML_CACHE", str(tmp_path / "cache"))
    directory = tmp_path / "place"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def tinyml(place: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Runs a command and returns its answer. No command may show a traceback or speak of an internal error."""

    def run(*arguments: str | Path) -> Answer:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        answer = Answer(code, *capfd.readouterr())
        assert "Traceback" not in answer.err and "internal error" not in answer.err, answer.err
        return answer

    yield run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A convolution, outside the working directory."""
    return write_model(tmp_path / "small.tflite", small_graph())


@pytest.fixture
def large_model(tmp_path: Path) -> Path:
    """A model that does not fit qemu_microbit."""
    return write_model(tmp_path / "large.tflite", large_graph())
