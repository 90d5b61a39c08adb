"""What this machine has for the SDK, and how to get the rest."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A tool or package. version: its own words, None when it is missing. install: the command that brings it."""

    name: str
    version: str | None
    purpose: str
    install: str
    compiles_for_boards: bool = False


_PIP = f"{sys.executable} -m pip install"
_PACKAGES = (
    ("tflite-micro", "the reference that outputs must equal", "tflite-micro", False),
    ("ziglang", "compiling for boards, where arm-none-eabi-gcc is missing", "ziglang", True),
)
_PROGRAMS = (
    ("arm-none-eabi-gcc", "compiling for boards", "sudo apt-get install gcc-arm-none-eabi", True),
    ("gcc", "compiling for the host board", "sudo apt-get install gcc", False),
    ("qemu-system-arm", "emulated boards", "sudo apt-get install qemu-system-arm", False),
)
# each is needed only for boards whose TOML names it as flasher
_FLASHERS = (
    ("pyocd", f"{_PIP} pyocd"),
    ("openocd", "sudo apt-get install openocd"),
    ("st-flash", "sudo apt-get install stlink-tools"),
    ("picotool", "https://github.com/raspberrypi/picotool"),
    ("nrfjprog", "https://www.nordicsemi.com/Products/Development-tools/nRF-Command-Line-Tools"),
    ("STM32_Programmer_CLI", "https://www.st.com/stm32cubeprog"),
)


def examine() -> list[Finding]:
    """Every tool the SDK can use on this machine, the most needed first."""
    findings = [Finding(n, _program_version(n), purpose, how, c) for n, purpose, how, c in _PROGRAMS]
    findings += [Finding(n, _package_version(n), purpose, f"{_PIP} {p}", c) for n, purpose, p, c in _PACKAGES]
    return findings + [Finding(n, _program_version(n), "flashing silicon", how) for n, how in _FLASHERS]


def _package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _program_version(name: str) -> str | None:
    """The first line that `name --version` prints, or "found" when it prints none."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "found, but does not start"
    return next(iter((done.stdout or done.stderr).splitlines()), "found")
