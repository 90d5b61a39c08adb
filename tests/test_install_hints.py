"""One table says how to get a tool; what needs a tool reads it there."""

from __future__ import annotations

import re
from pathlib import Path

from tinyml.board import CORES, board_names, load_board
from tinyml.device import flasher
from tinyml.doctor import examine
from tinyml.install_hints import INSTALL_HINTS

PACKAGE = Path(__file__).resolve().parents[1] / "tinyml"


def test_every_tool_has_a_hint() -> None:
    compilers = {name for core in CORES.values() for name in core.toolchains}
    boards = [load_board(name) for name in board_names()]
    emulators = {board.emulator[0] for board in boards if board.emulator}
    assert compilers | emulators | set(flasher.TOOLS) <= INSTALL_HINTS.keys()


def test_doctor_gives_the_hints_of_the_table() -> None:
    hints = {finding.name: finding.install for finding in examine()}
    assert hints.pop("ziglang") == INSTALL_HINTS["zig"]
    assert hints == {name: INSTALL_HINTS[name] for name in hints}
    assert set(flasher.TOOLS) <= hints.keys()


def test_no_other_module_holds_an_install_command() -> None:
    command = re.compile(r"(apt-get|pip) install")
    holders = [path.name for path in sorted(PACKAGE.rglob("*.py")) if command.search(path.read_text(encoding="utf-8"))]
    assert holders == ["install_hints.py"]
