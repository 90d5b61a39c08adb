"""Settings: the command line before TINYML_*, before tinyml.toml, before [tool.tinyml]."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import small_graph, write_model
from tinyml import cli
from tinyml.errors import UsageError
from tinyml.settings import file_settings

KNOWN = {"board", "samples", "keep_input"}


def test_no_files(tmp_path: Path) -> None:
    assert file_settings(tmp_path, KNOWN) == {}


def test_own_file_goes_before_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.other]\nx = 1\n[tool.tinyml]\nboard = "a"\nsamples = 3\n')
    (tmp_path / "tinyml.toml").write_text('board = "b"\n')
    assert file_settings(tmp_path, KNOWN) == {"board": "b", "samples": 3}


@pytest.mark.parametrize("name, text", [("tinyml.toml", "bord = 1"), ("pyproject.toml", "[tool.tinyml]\nbord = 1")])
def test_unknown_key_names_the_nearest(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=rf"{name}: unknown setting 'bord'") as caught:
        file_settings(tmp_path, KNOWN)
    assert caught.value.hint == "board"


@pytest.mark.parametrize(
    "name, content",
    [
        ("tinyml.toml", b"board ="),
        ("tinyml.toml", b"\xff\xfe"),
        ("pyproject.toml", b"[tool]\ntinyml = 3"),
        ("pyproject.toml", b"tool = 3"),
    ],
)
def test_broken_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=name):
        file_settings(tmp_path, KNOWN)


def test_other_projects_files_are_no_concern(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert file_settings(tmp_path, KNOWN) == {}


@pytest.fixture
def chosen_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """Which board `plan` takes, given arguments."""
    model = write_model(tmp_path / "m.tflite", small_graph())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYML_BOARD", raising=False)

    def ask(*arguments: str) -> str:
        assert cli.run(["plan", str(model), "--json", *arguments]) == 0
        return str(json.loads(capsys.readouterr().out)["board"])

    return ask


def test_precedence(chosen_board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "pyproject.toml").write_text('[tool.tinyml]\nboard = "rpi_pico"\n')
    assert chosen_board() == "rpi_pico"
    (tmp_path / "tinyml.toml").write_text('board = "nrf52840_dk"\n')
    assert chosen_board() == "nrf52840_dk"
    monkeypatch.setenv("TINYML_BOARD", "qemu_microbit")
    assert chosen_board() == "qemu_microbit"
    assert chosen_board("--board", "host") == "host"


def test_a_setting_of_another_command_is_known(chosen_board, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """`samples` belongs to `test`; in the file of a project it does not disturb `plan`."""
    (tmp_path / "tinyml.toml").write_text('board = "host"\nsamples = 5\nkeep_input = true\n')
    assert chosen_board() == "host"


def test_check_takes_the_board_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYML_BOARD", raising=False)
    (tmp_path / "tinyml.toml").write_text('board = "no_such_board"\n')
    model = write_model(tmp_path / "m.tflite", small_graph())
    assert cli.run(["check", str(model)]) == 2
