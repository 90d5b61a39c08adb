"""Every failure has its exit code, one clear message, and leaves nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.commands import write_unsupported
from tests.cli.conftest import Command
from tinyml import cli
from tinyml.device.device import Device

on_host = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
has_arm_gcc = pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")


def files(place: Path) -> list[str]:
    """Everything below a directory, hidden files too."""
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


def test_unknown_board(tinyml: Command, model: Path, place: Path) -> None:
    answer = tinyml("build", model, "--board", "qemu_mps2_an387")
    assert answer.code == 2
    assert "'qemu_mps2_an387'" in answer.err and "try: qemu_mps2_an386" in answer.err
    assert not files(place)


@pytest.mark.parametrize("name", ["missing.tflite", ".", "model.pt"])
def test_model_that_is_no_file(tinyml: Command, name: str, place: Path) -> None:
    answer = tinyml("build", name, "--board", "host")
    assert answer.code == 2 and answer.err.startswith("tinyml: ")
    assert not files(place)


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(100), b"\x18\0\0\0TFL3" + bytes(50)])
def test_damaged_model(tinyml: Command, content: bytes, tmp_path: Path, place: Path) -> None:
    path = tmp_path / "damaged.tflite"
    path.write_bytes(content)
    assert tinyml("check", path, "--board", "host").code == 2
    assert tinyml("test", path, "--board", "host").code == 2
    assert not files(place)


def test_unsupported_op(tinyml: Command, tmp_path: Path, place: Path) -> None:
    answer = tinyml("build", write_unsupported(tmp_path / "cos.tflite"), "--board", "host")
    assert answer.code == 3
    assert "COS" in answer.err and "output" in answer.err
    assert not files(place)


@pytest.mark.parametrize("board", ["host", "qemu_mps2_an386", "nucleo_f446re"])
def test_missing_compiler(
    tinyml: Command, model: Path, place: Path, board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.setitem(sys.modules, "ziglang", None)
    answer = tinyml("build", model, "--board", board)
    assert answer.code == 4
    assert "is not installed" in answer.err and "try: sudo apt-get install" in answer.err and "ziglang" in answer.err
    assert not files(place)


@has_arm_gcc
def test_missing_emulator(
    tinyml: Command, model: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    compiler = shutil.which("arm-none-eabi-gcc")
    assert compiler is not None
    (tools / "arm-none-eabi-gcc").symlink_to(Path(compiler).resolve())
    monkeypatch.setenv("PATH", str(tools))
    answer = tinyml("test", model, "--board", "qemu_mps2_an386", "--reference", "interpreter")
    assert answer.code == 4
    assert "qemu-system-arm" in answer.err and "try: sudo apt-get install qemu-system-arm" in answer.err
    assert not files(place)


@has_arm_gcc
def test_port_that_does_not_exist(tinyml: Command, model: Path, place: Path) -> None:
    answer = tinyml("test", model, "-b", "qemu_mps2_an386", "-p", "/dev/no-such-port", "--reference", "interpreter")
    assert answer.code == 5
    assert "/dev/no-such-port does not exist" in answer.err and "tinyml ports" in answer.err
    assert not files(place)


@has_arm_gcc
@pytest.mark.parametrize("command", ["build --test", "build --flash", "test", "profile", "bisect"])
@pytest.mark.parametrize(
    "board, port, said",
    [
        ("rpi_pico", None, "no serial port is rpi_pico's; this machine has: none\n  try: plug the board in"),
        ("rpi_pico", "/dev/no-such-port", "/dev/no-such-port does not exist"),
    ],
)
def test_a_missing_board_is_noticed_before_anything_is_read(
    tinyml: Command, place: Path, monkeypatch: pytest.MonkeyPatch, command: str, board: str, port: str | None, said: str
) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/true" if name == "picotool" else found(name))
    monkeypatch.setattr("tinyml.device.device.list_ports", list)
    answer = tinyml(*command.split(), "no_such.tflite", "--board", board, *(["--port", port] if port else []))
    assert answer.code == 5 and said in answer.err
    assert not files(place)


@has_arm_gcc
def test_tune_notices_a_missing_board_before_it_builds(
    tinyml: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/true" if name == "picotool" else found(name))
    monkeypatch.setattr("tinyml.device.device.list_ports", list)
    monkeypatch.setattr("tinyml.pipeline.build", None)
    answer = tinyml("tune", model, "--board", "rpi_pico")
    assert answer.code == 5 and "no serial port is rpi_pico's" in answer.err


@has_arm_gcc
def test_missing_flasher(tinyml: Command, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "pyocd" else found(name))
    answer = tinyml("test", model, "--board", "nucleo_f446re", "--reference", "interpreter")
    assert answer.code == 5
    assert "pyocd is not installed" in answer.err and "-m pip install pyocd" in answer.err


@has_arm_gcc
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_port_that_never_answers(tinyml: Command, model: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Device.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sync_timeout", 0.6)
    ours, theirs = os.openpty()
    try:
        port = os.ttyname(theirs)
        answer = tinyml("test", model, "-b", "qemu_mps2_an386", "--port", port, "--reference", "interpreter")
    finally:
        os.close(ours)
        os.close(theirs)
    assert answer.code == 6
    assert "did not answer within 0.6 s" in answer.err and "try: check that the board is powered" in answer.err
    assert not files(place)


@has_arm_gcc
def test_does_not_fit(tinyml: Command, large_model: Path, place: Path) -> None:
    answer = tinyml("build", large_model, "--board", "qemu_microbit")
    assert answer.code == 1
    assert "40000 bytes" in answer.err and "16384" in answer.err and "23616 too many" in answer.err
    assert not files(place)


@on_host
def test_foreign_files_are_left_alone(tinyml: Command, model: Path, place: Path) -> None:
    notes = place / "out/notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    answer = tinyml("build", model, "--board", "host", "-o", "out")
    assert answer.code == 2 and "notes.txt" in answer.err
    assert files(place) == ["out", "out/notes.txt"] and notes.read_text() == "mine"


@on_host
def test_edited_files_are_replaced_by_force_only(tinyml: Command, model: Path, place: Path) -> None:
    assert tinyml("build", model, "--board", "host", "-o", "out").code == 0
    source = place / "out/firmware/main.c"
    source.write_text("/* mine */")
    answer = tinyml("build", "absent.tflite", "--board", "host", "-o", "out")
    assert answer.code == 2 and "firmware/main.c, edited since" in answer.err and "--force" in answer.err
    assert source.read_text() == "/* mine */"
    assert tinyml("build", model, "--board", "host", "-o", "out", "--force").code == 0
    assert "mine" not in source.read_text()


@on_host
def test_a_build_into_the_working_directory(tinyml: Command, model: Path, place: Path) -> None:
    for _ in range(2):
        assert tinyml("build", model, "--board", "host", "-o", ".").code == 0
        assert Path.cwd() == place and (Path.cwd() / "firmware.json").exists()
    assert files(place.parent).count("place") == 1 and not list(place.parent.glob(".place*"))


@on_host
def test_output_directory_that_is_a_file(tinyml: Command, model: Path, place: Path) -> None:
    (place / "out").write_text("mine")
    assert tinyml("build", model, "--board", "host", "-o", "out").code == 2
    assert tinyml("build", model, "--board", "host", "-o", "out/below").code == 2
    assert (place / "out").read_text() == "mine" and files(place) == ["out"]


@on_host
def test_a_second_build_replaces_the_first(tinyml: Command, model: Path, place: Path) -> None:
    assert tinyml("build", model, "--board", "host", "-o", "out", "--profile").code == 0
    assert tinyml("build", model, "--board", "host", "-o", "out").code == 0
    assert [path.name for path in place.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "setting, said",
    [
        ("bord = 'host'", "unknown setting 'bord'\n  try: board"),
        ("board = ", "tinyml.toml: "),
        ("samples = 'many'", "many"),
        ("reference = 'guess'", "guess"),
    ],
)
def test_bad_settings(tinyml: Command, model: Path, place: Path, setting: str, said: str) -> None:
    (place / "tinyml.toml").write_text(setting)
    answer = tinyml("test", model, "--board", "host")
    assert answer.code == 2 and said in answer.err
    assert files(place) == ["tinyml.toml"]


@pytest.mark.parametrize(
    "arguments", [["frob"], ["build"], ["boards", "extra"], ["test", "m.tflite", "--samples", "0"]]
)
def test_wrong_usage(tinyml: Command, arguments: list[str]) -> None:
    answer = tinyml(*arguments)
    assert answer.code == 2 and answer.err.startswith("tinyml: ") and "try: tinyml" in answer.err
    assert answer.out == ""


def test_help_without_a_command(tinyml: Command) -> None:
    answer = tinyml()
    assert answer.code == 2 and answer.err.startswith("Usage: tinyml") and answer.out == ""
    answer = tinyml("--help")
    assert answer.code == 0 and answer.out.startswith("Usage: tinyml")


@on_host
@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"x": np.zeros((3, 7, 7, 7), np.int8)},
        {"x": np.zeros((), np.int8)},
        {"x": np.zeros((0, 1), np.int8)},
        {"y": np.zeros(3)},
        {"x": np.array([{}], dtype=object)},
    ],
)
def test_bad_samples(tinyml: Command, model: Path, tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "samples.npz", **arrays)
    answer = tinyml("test", model, "--board", "host", "--data", tmp_path / "samples.npz")
    assert answer.code == 2 and "samples.npz" in answer.err
    assert tinyml("test", model, "--board", "host", "--data", "absent.npz").code == 2
    assert tinyml("test", model, "--board", "host", "--data", model).code == 2


def test_a_bug_is_told_apart(
    tinyml: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> list[str]:
        raise RuntimeError("a bug")

    monkeypatch.setattr("tinyml.cli.board.board_names", broken)
    assert cli.run(["boards"]) == 70
    said = capfd.readouterr().err
    assert "internal error: RuntimeError: a bug" in said and "Traceback" not in said
    assert cli.run(["boards", "--debug"]) == 70
    assert "Traceback" in capfd.readouterr().err


def test_interruption(tinyml: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr("tinyml.cli.board.board_names", interrupted)
    assert cli.run(["boards"]) == 130
    assert capfd.readouterr().err.strip() == "tinyml: interrupted"


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "m.tflite", "-b", "host", "--max-recompute", "nan"],
        ["plan", "m.tflite", "-b", "host", "--max-recompute", "inf"],
        ["quantize", "m.tflite", "--data", "random", "--min-sqnr", "nan"],
        ["plan", "", "-b", "host"],
        ["build", "m.tflite", "-b", "host", "-o", ""],
        ["quantize", "m.tflite", "--data", ""],
        ["quantize", "m.tflite", "--data", "random", "-o", ""],
        ["quantize", "m.tflite", "--data", "random", "-o", "m.tflite"],
        ["quantize", "m.tflite", "--data", "random", "-o", "m.onnx"],
    ],
)
def test_arguments_that_make_no_sense(tinyml: Command, model: Path, place: Path, arguments: list[str]) -> None:
    shutil.copy(model, place / "m.tflite")
    assert tinyml(*arguments).code == 2
    assert files(place) == ["m.tflite"] and (place / "m.tflite").read_bytes() == model.read_bytes()


def test_debug_shows_where_an_error_comes_from(tinyml: Command, capfd: pytest.CaptureFixture[str], place: Path) -> None:
    assert cli.run(["plan", "missing.tflite", "--board", "host", "--debug"]) == 2
    said = capfd.readouterr().err
    assert "Traceback" in said and "UsageError" in said and said.endswith("missing.tflite: no such file\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_output_that_cannot_be_written(options: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "tinyml", "boards", *options]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "tinyml: the system: No space left on device\n")
