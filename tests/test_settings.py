"""Settings: the command line before TINYML_*, before tinyml.toml, before [tool.tinyml]."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import small_graph, write_model
from tinyml import cli
from tinyml.errors import UsageError
from tinyml.settings import file_settings

KNOWN = dict.fromkeys(("board", "samples", "keep_input"), lambda value: "")


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


@pytest.mark.parametrize(
    "setting, said",
    [
        ("board = 3", "board = 3: text in quotes expected"),
        ('board = ["host"]', "board = ['host']: text in quotes expected"),
        ('sram = "lots"', "sram = 'lots': a whole number expected"),
        ("sram = 10.5", "sram = 10.5: a whole number expected"),
        ("sram = true", "sram = True: a whole number expected"),
        ("sram = [1]", "sram = [1]: a whole number expected"),
        ("sram = -5", "sram = -5: -5 is not in the range x>=1."),
        ('keep_input = "yes"', "keep_input = 'yes': true or false expected"),
        ("keep_input = 1", "keep_input = 1: true or false expected"),
        ('max_recompute = "1.5"', "max_recompute = '1.5': a number expected"),
        ("max_recompute = nan", "max_recompute = nan: nan is not a finite number."),
        ("max_recompute = 0.5", "max_recompute = 0.5: 0.5 is not in the range x>=1.0."),
        ('int4 = "dense"', "int4 = 'dense': a list of text in quotes expected"),
        ("int4 = [1]", "int4 = [1]: a list of text in quotes expected"),
        ("output = 5", "output = 5: text in quotes expected"),
        ('output = ""', "output = '': the path is empty."),
        ('input_shape = ["x"]', "input_shape = ['x']: 'x' is not NAME=SIDES, as in x=1,3,48,192"),
        ('optimize = "fast"', "optimize = 'fast': 'fast' is not one of 'speed', 'balanced', 'size'."),
        ('json = "yes"', "json = 'yes': true or false expected"),
        ("samples = 0", "samples = 0: 0 is not in the range x>=1."),
    ],
)
def test_a_wrong_value_is_told_with_file_key_and_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], setting: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tinyml.toml").write_text(setting)
    assert cli.run(["boards"]) == 2
    assert capsys.readouterr().err == f"tinyml: {tmp_path / 'tinyml.toml'}: {said}\n"


def test_values_of_every_type(chosen_board, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    lines = ('board = "host"', "max_recompute = 2", "sram = 90000", "keep_input = false", "int4 = []", "verbose = 1")
    (tmp_path / "tinyml.toml").write_text("\n".join((*lines, "input_shape = []", "samples = 3")))
    assert chosen_board() == "host"
