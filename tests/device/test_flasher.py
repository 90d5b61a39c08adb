from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tinyml.board import board_names, load_board
from tinyml.device import flasher
from tinyml.errors import BoardError, DeviceError
from tinyml.install_hints import INSTALL_HINTS


@dataclass(frozen=True)
class FlashBoard:
    name: str = "b"
    flasher: str | None = "pyocd"
    flash_options: Mapping[str, str] = field(default_factory=lambda: {"target": "stm32f4", "config": "board/x.cfg"})


@pytest.fixture
def elf(tmp_path: Path) -> Path:
    path = tmp_path / "my model.elf"
    for suffix in (".elf", ".hex", ".uf2"):
        path.with_suffix(suffix).write_bytes(b"image")
    return path


def fake_tool(folder: Path, name: str, code: int = 0) -> Path:
    """Puts a tool on PATH's only folder that writes down its arguments."""
    log = folder / f"{name}.json"
    tool = folder / name
    tool.write_text(
        f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv[1:], open({str(log)!r}, 'w'))\n"
        f"print('no probe found', file=sys.stderr)\nsys.exit({code})\n"
    )
    tool.chmod(0o755)
    return log


@pytest.mark.parametrize(
    ("name", "tool", "arguments"),
    [
        ("pyocd", "pyocd", ["flash", "--target", "stm32f4", "--format", "elf", "ELF"]),
        ("openocd", "openocd", ["-f", "board/x.cfg", "-c", "program {ELF} verify reset exit"]),
        ("st-flash", "st-flash", ["--reset", "--format", "ihex", "write", "HEX"]),
        ("stm32_programmer", "STM32_Programmer_CLI", ["-c", "port=SWD", "-w", "ELF", "-v", "-rst"]),
        ("picotool", "picotool", ["load", "-v", "-x", "ELF", "-t", "elf"]),
        ("nrfjprog", "nrfjprog", ["-f", "NRF52", "--program", "HEX", "--sectorerase", "--verify", "--reset"]),
    ],
)
def test_argv(
    tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch, name: str, tool: str, arguments: list[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    board = FlashBoard(flasher=name)
    with pytest.raises(DeviceError, match=f"{tool} is not installed") as caught:
        flasher.flash(board, elf)
    assert caught.value.hint == INSTALL_HINTS[tool]
    assert tool in flasher.TOOLS

    log = fake_tool(tmp_path, tool)
    flasher.flash(board, elf)
    paths = {"ELF": str(elf), "HEX": str(elf.with_suffix(".hex"))}
    assert json.loads(log.read_text()) == [
        argument.replace("ELF", paths["ELF"]).replace("HEX", paths["HEX"]) for argument in arguments
    ]

    fake_tool(tmp_path, tool, code=1)
    with pytest.raises(DeviceError, match=f"{tool} failed with code 1:\nno probe found"):
        flasher.flash(board, elf)


def test_uf2(tmp_path: Path, elf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drives: list[Path] = []
    monkeypatch.setattr(flasher, "uf2_drives", lambda: drives)
    board = FlashBoard(flasher="uf2")
    with pytest.raises(DeviceError, match="0 UF2 drives"):
        flasher.flash(board, elf)
    drives.append(tmp_path / "RPI-RP2")
    with pytest.raises(DeviceError, match="does not take"):
        flasher.flash(board, elf)
    drives[0].mkdir()
    flasher.flash(board, elf)
    assert (drives[0] / "my model.uf2").read_bytes() == b"image"
    drives.append(tmp_path)
    with pytest.raises(DeviceError, match="2 UF2 drives"):
        flasher.flash(board, elf)


def test_missing_pieces(tmp_path: Path, elf: Path) -> None:
    with pytest.raises(BoardError, match="'target'"):
        flasher.flash(FlashBoard(flash_options={}), elf)
    with pytest.raises(BoardError, match="None"):
        flasher.flash(FlashBoard(flasher=None), elf)
    with pytest.raises(DeviceError, match=r"other\.hex does not exist"):
        flasher.flash(FlashBoard(flasher="st-flash"), tmp_path / "other.elf")
    with pytest.raises(DeviceError, match="braces"):
        flasher.flash(FlashBoard(flasher="openocd"), tmp_path / "a}b.elf")


@pytest.mark.parametrize("name", board_names())
def test_every_board_names_a_known_flasher(name: str) -> None:
    board = load_board(name)
    assert board.flasher is None or board.flasher in flasher.FLASHERS
