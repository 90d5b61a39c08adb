"""What this machine has for the SDK, and how to get the rest."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from dataclasses import dataclass

from tinyml.device import flasher
from tinyml.install_hints import INSTALL_HINTS


@dataclass(frozen=True)
class Finding:
    """A tool or package. version: its own words, None when it is missing. install: the command that brings it."""

    name: str
    version: str | None
    purpose: str
    install: str
    compiles_for_boards: bool = False


_PROGRAMS = (
    ("arm-none-eabi-gcc", "compiling for boards", True),
    ("gcc", "compiling for the host board", False),
    ("qemu-system-arm", "emulated boards", False),
    ("qemu-system-riscv32", "emulated RISC-V boards", False),
)
# package on the index, its key in INSTALL_HINTS
_PACKAGES = (
    ("tflite-micro", "tflite-micro", "the reference that outputs must equal", False),
    ("pillow", "pillow", "calibrating with a folder of images", False),
    ("ziglang", "zig", "compiling for boards, by itself or for the cores where it is better than gcc", True),
    ("matplotlib", "matplotlib", "plots as .png", False),
)


def examine() -> list[Finding]:
    """Every tool the SDK can use on this machine, the most needed first."""
    programs = [
        *_PROGRAMS,
        # each is needed only for boards whose TOML names it as flasher
        *((name, "flashing silicon", False) for name in flasher.TOOLS),
    ]
    packages = [Finding(n, _package_version(n), why, INSTALL_HINTS[key], c) for n, key, why, c in _PACKAGES]
    findings = [Finding(n, _program_version(n), why, INSTALL_HINTS[n], c) for n, why, c in programs]
    return findings[: len(_PROGRAMS)] + packages + findings[len(_PROGRAMS) :]


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
