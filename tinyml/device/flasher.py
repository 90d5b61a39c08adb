"""Flashers: one function per tool, in one table. Each gets the board and the ELF and runs one command, without a shell.

Written from the tools' manuals; no silicon was at hand to try them on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from tinyml.errors import BoardError, DeviceError
from tinyml.install_hints import INSTALL_HINTS

FLASH_TIMEOUT_S = 180.0


class FlashableBoard(Protocol):
    """What a flasher asks of a board."""

    @property
    def name(self) -> str: ...
    @property
    def flasher(self) -> str | None: ...
    @property
    def flash_options(self) -> Mapping[str, str]: ...


def flash(board: FlashableBoard, elf: Path) -> None:
    """Writes the firmware to the board and starts it.

    Raises BoardError for a board without a known flasher, DeviceError when its tool is missing or fails.
    """
    if board.flasher is None or board.flasher not in FLASHERS:
        raise BoardError(f"{board.name} names flasher {board.flasher!r}", hint=f"one of {', '.join(sorted(FLASHERS))}")
    FLASHERS[board.flasher](board, elf)


def _pyocd(board: FlashableBoard, elf: Path) -> None:
    _run(["pyocd", "flash", "--target", _option(board, "target"), "--format", "elf", str(elf)])


def _openocd(board: FlashableBoard, elf: Path) -> None:
    if set("{}\\") & set(str(elf)):  # OpenOCD's command language would read them
        raise DeviceError(
            f"OpenOCD cannot take the path {elf}", hint="build into a folder without braces or backslashes"
        )
    _run(["openocd", "-f", _option(board, "config"), "-c", f"program {{{elf}}} verify reset exit"])


def _st_flash(board: FlashableBoard, elf: Path) -> None:
    _run(["st-flash", "--reset", "--format", "ihex", "write", str(_image(elf, "hex"))])


def _stm32_programmer(board: FlashableBoard, elf: Path) -> None:
    _run(["STM32_Programmer_CLI", "-c", "port=SWD", "-w", str(elf), "-v", "-rst"])


def _picotool(board: FlashableBoard, elf: Path) -> None:
    _run(["picotool", "load", "-v", "-x", str(elf), "-t", "elf"])


def _nrfjprog(board: FlashableBoard, elf: Path) -> None:
    family = board.flash_options.get("family", "NRF52")
    _run(["nrfjprog", "-f", family, "--program", str(_image(elf, "hex")), "--sectorerase", "--verify", "--reset"])


def _uf2(board: FlashableBoard, elf: Path) -> None:
    """Copies the .uf2 to the one drive that a boot loader shows."""
    image = _image(elf, "uf2")
    drives = uf2_drives()
    if len(drives) != 1:
        listed = ", ".join(map(str, drives)) or "none is mounted"
        raise DeviceError(
            f"{len(drives)} UF2 drives, not one: {listed}", hint="hold BOOTSEL while plugging one board in"
        )
    try:
        shutil.copyfile(image, drives[0] / image.name)
    except OSError as error:
        raise DeviceError(f"{drives[0]} does not take {image.name}: {error.strerror}") from error


# The programs these run; _uf2 runs none.
_PROGRAMS = {
    "nrfjprog": "nrfjprog",
    "openocd": "openocd",
    "picotool": "picotool",
    "pyocd": "pyocd",
    "st-flash": "st-flash",
    "stm32_programmer": "STM32_Programmer_CLI",
}
TOOLS = tuple(_PROGRAMS.values())

FLASHERS: Mapping[str, Callable[[FlashableBoard, Path], None]] = {
    "nrfjprog": _nrfjprog,
    "openocd": _openocd,
    "picotool": _picotool,
    "pyocd": _pyocd,
    "st-flash": _st_flash,
    "stm32_programmer": _stm32_programmer,
    "uf2": _uf2,
}


def uf2_drives() -> list[Path]:
    """Mounted drives that carry INFO_UF2.TXT."""
    user = os.environ.get("USER", "")
    places = [Path("/media") / user, Path("/run/media") / user, Path("/Volumes")]
    return sorted(info.parent for place in places if place.is_dir() for info in place.glob("*/INFO_UF2.TXT"))


def _option(board: FlashableBoard, key: str) -> str:
    if key not in board.flash_options:
        raise BoardError(f"{board.name}: flasher {board.flasher!r} needs {key!r} in [flash_options]")
    return board.flash_options[key]


def _image(elf: Path, suffix: str) -> Path:
    path = elf.with_suffix(f".{suffix}")
    if not path.exists():
        raise DeviceError(f"{path} does not exist", hint=f'build again with "{suffix}" among the board\'s images')
    return path


def require_tool(board: FlashableBoard) -> None:
    """Raises DeviceError where the program that flashes the board is not installed."""
    if board.flasher in _PROGRAMS:
        _found(_PROGRAMS[board.flasher])


def _found(program: str) -> str:
    tool = shutil.which(program)
    if tool is None:
        raise DeviceError(f"{program} is not installed", hint=INSTALL_HINTS[program])
    return tool


def _run(argv: list[str]) -> None:
    tool = _found(argv[0])
    try:
        done = subprocess.run(
            [tool, *argv[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=FLASH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"{argv[0]} was still running after {FLASH_TIMEOUT_S:g} s") from error
    except OSError as error:
        raise DeviceError(f"{argv[0]} does not start: {error.strerror}", hint=INSTALL_HINTS[argv[0]]) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-2000:].decode("utf-8", "replace").strip()
        raise DeviceError(
            f"{argv[0]} failed with code {done.returncode}:\n{said}",
            hint="check the cable and that no debugger holds the probe",
        )
