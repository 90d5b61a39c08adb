from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tinyml import toolchain
from tinyml.board import Board, load_board
from tinyml.errors import ToolchainError, UsageError
from tinyml.toolchain import Toolchain, find_toolchain, installed_toolchains

M4 = load_board("qemu_mps2_an386")
M55 = load_board("qemu_mps3_an547")
HOST = load_board("host")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("board", "order"), [(M4, ["arm-none-eabi-gcc", "zig"]), (M55, ["zig", "arm-none-eabi-gcc"])], ids=["m4", "m55"]
)
def test_the_better_compiler_for_the_core_comes_first(board: Board, order: list[str]) -> None:
    names = [found.name for found in installed_toolchains(board)]
    assert names == [name for name in order if name in names]
    assert names, "a Cortex-M compiler comes with the test extra"
    assert find_toolchain(board).name == names[0]
    assert find_toolchain(board).version[0].isdigit()


@pytest.mark.parametrize("board", [M4, M55], ids=["m4", "m55"])
def test_the_other_compiler_does_where_the_better_is_missing(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = installed_toolchains(board)
    monkeypatch.setattr(toolchain, "_FINDERS", {**toolchain._FINDERS, first.name: lambda: None})
    assert [found.name for found in installed_toolchains(board)] == [found.name for found in others]
    if others:
        assert find_toolchain(board) == others[0]
    with pytest.raises(ToolchainError, match=f"{first.name} is not installed"):
        find_toolchain(board, first.name)


@pytest.mark.usefixtures("nothing_installed")
def test_no_compiler_names_the_command_that_installs_one() -> None:
    with pytest.raises(ToolchainError, match="no compiler for qemu_mps2_an386") as caught:
        find_toolchain(M4)
    assert "apt-get install gcc-arm-none-eabi" in caught.value.hint and "pip install ziglang" in caught.value.hint
    with pytest.raises(ToolchainError, match="zig is not installed"):
        find_toolchain(M4, "zig")
    with pytest.raises(ToolchainError, match="no compiler for host"):
        find_toolchain(HOST)
    assert installed_toolchains(M4) == []


def test_a_compiler_that_cannot_build_for_the_board_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="'gcc' cannot build for qemu_mps2_an386"):
        find_toolchain(M4, "gcc")


@pytest.mark.parametrize("found", installed_toolchains(M4), ids=lambda found: found.name)
def test_a_failure_carries_the_compilers_message(found: Toolchain, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int f(void) { return undeclared; }\n")
    with pytest.raises(ToolchainError) as caught:
        found.run([*found.compile_flags(M4), "-c", "a.c", "-o", "a.o"], tmp_path)
    assert "undeclared" in caught.value.message and found.name in caught.value.message
    assert caught.value.exit_code == 4


def test_a_compiler_that_vanished_is_an_error(tmp_path: Path) -> None:
    gone = Toolchain("gcc", (str(tmp_path / "gone"),), "1", "gcc")
    with pytest.raises(ToolchainError, match="cannot be started"):
        gone.run(["-c", "a.c"], tmp_path)


def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    script = tmp_path / "cc"
    script.write_text("#!/bin/sh\necho 'fatal error: error writing to a.o: No space left on device' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(UsageError, match="no space left"):
        Toolchain("gcc", (str(script),), "1", "gcc").run([], tmp_path)


def test_arguments_are_not_read_by_a_shell(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError):
        find_toolchain(HOST).run(["$(touch pwned)", "; touch pwned"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_long_messages_are_cut() -> None:
    assert toolchain._first_lines("\n".join(map(str, range(100)))).endswith("... and 80 lines more")
