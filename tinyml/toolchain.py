"""C compilers: finding one, its flags for a board, and running it.

For Cortex-M: `arm-none-eabi-gcc` on PATH or the `ziglang` wheel (clang and lld, installable by pip on every system).
For the host: gcc, clang, or the wheel. Each core's row in board.py names them, the better one first. Nothing is passed
through a shell.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tinyml.board import Board
from tinyml.errors import ToolchainError, UsageError
from tinyml.install_hints import INSTALL_HINTS

_COMPILE_SECONDS = 300
_WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic")
# One section per object, so that the linker drops what is unused.
_CODE = ("-ffunction-sections", "-fdata-sections", "-fno-common", "-fomit-frame-pointer", "-fno-stack-protector")
# No jump tables: the stack analysis follows every branch.
_BARE = ("-ffreestanding", "-fno-jump-tables", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
# What inlining makes a little longer is inlined, as what that settles around it saves more (since gcc 10); and nothing
# is moved that would take a register or a wide instruction.
_SIZE = ("--param=max-inline-insns-size=2", "-fno-move-loop-invariants", "-fno-schedule-insns2")
_LINK = ("-nostdlib", "-static", "-Wl,--gc-sections")


@dataclass(frozen=True)
class Toolchain:
    """A compiler found on this machine.

    name: "arm-none-eabi-gcc", "zig", "gcc" or "clang".   command: what starts it.
    portable: the same as it is written in a Makefile that another machine may read.
    """

    name: str
    command: tuple[str, ...]
    version: str
    portable: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def compile_flags(self, board: Board, optimize: str = "-O2") -> tuple[str, ...]:
        """Flags that turn one C file into an object for a board."""
        flags = ("-std=c11", optimize, *_WARNINGS, *_CODE)
        if board.template == "host":
            return (*flags, *_ZIG_QUIET) if self.name == "zig" else flags
        if self.name == "zig":
            return (*board.core.zig, *flags, *_BARE, *_ZIG_QUIET)
        # -ffreestanding turns builtins off; memcpy and memset exist here, so gcc may expand them.
        size = _SIZE if optimize == "-Os" and self._major >= 10 else ()
        return (*board.core.gcc, *flags, *_BARE, "-fbuiltin", "-fno-reorder-blocks-and-partition", *size)

    @property
    def _major(self) -> int:
        """0 where the version is not known."""
        return int(found[0]) if (found := re.match(r"\d+", self.version)) else 0

    def link_flags(self, board: Board, script: str) -> tuple[str, ...]:
        """Flags that come before the objects when linking for a board with a linker script."""
        if board.template == "host":
            return ("-Wl,-dead_strip",) if sys.platform == "darwin" else ("-Wl,--gc-sections",)
        core = board.core.zig if self.name == "zig" else board.core.gcc
        runtime = ("-rtlib=compiler-rt",) if self.name == "zig" else ()
        return (*core, *_LINK, *runtime, f"-Wl,-T,{script}")

    def link_libraries(self, board: Board) -> tuple[str, ...]:
        """What comes after the objects: the compiler's arithmetic helpers, of which only what is called is linked."""
        return ("-lgcc",) if self.name == "arm-none-eabi-gcc" and board.template != "host" else ()

    def run(self, arguments: Sequence[str], directory: Path) -> None:
        """Runs the compiler in a directory. Raises ToolchainError with the compiler's own message when it fails."""
        argv = [*self.command, *arguments]
        result = _run(argv, directory, self.name)
        if result.returncode:
            message = (result.stderr or result.stdout).strip()
            if "No space left on device" in message:
                raise UsageError(f"{self.name}: no space left on the disk that holds {directory.parent}")
            raise ToolchainError(f"{self} failed with exit code {result.returncode}:\n{_first_lines(message)}")


_ZIG_QUIET = ("-fno-sanitize=all", "-g0")


def find_toolchain(board: Board, prefer: str | None = None) -> Toolchain:
    """The compiler for a board: the preferred one, or the first of its core's that is installed.

    Raises ToolchainError with the command that installs one, UsageError for a name that cannot build for this board.
    """
    names = board.core.toolchains
    if prefer is not None and prefer not in names:
        raise UsageError(f"toolchain {prefer!r} cannot build for {board.name}", hint=" or ".join(names))
    for name in (prefer,) if prefer else names:
        found = _FINDERS[name]()
        if found is not None:
            return found
    wanted = prefer or " or ".join(names)
    hints = " or ".join(INSTALL_HINTS[name] for name in ((prefer,) if prefer else names))
    raise ToolchainError(f"no compiler for {board.name}: {wanted} is not installed", hint=hints)


def installed_toolchains(board: Board) -> list[Toolchain]:
    """Every compiler on this machine that can build for a board, the default first."""
    return [found for name in board.core.toolchains if (found := _FINDERS[name]()) is not None]


def _on_path(name: str) -> Toolchain | None:
    path = shutil.which(name)
    if path is None:
        return None
    result = _run([path, "-dumpfullversion", "-dumpversion"], Path.cwd(), name)
    version = result.stdout.split()[0] if result.returncode == 0 and result.stdout.split() else "of unknown version"
    return Toolchain(name, (path,), version, name)


def _zig() -> Toolchain | None:
    if importlib.util.find_spec("ziglang") is None:
        return None
    version = _zig_version()
    command = (sys.executable, "-m", "ziglang", "cc")
    return Toolchain("zig", command, version, "python3 -m ziglang cc") if version else None


@cache
def _zig_version() -> str:
    result = _run([sys.executable, "-m", "ziglang", "version"], Path.cwd(), "zig")
    return result.stdout.strip() if result.returncode == 0 else ""


_FINDERS: Mapping[str, Callable[[], Toolchain | None]] = {
    "arm-none-eabi-gcc": lambda: _on_path("arm-none-eabi-gcc"),
    "gcc": lambda: _on_path("gcc"),
    "clang": lambda: _on_path("clang"),
    "zig": _zig,
}


def _run(argv: Sequence[str], directory: Path, name: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            cwd=directory,
            env={**os.environ, "LC_ALL": "C", "SOURCE_DATE_EPOCH": "0"},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_COMPILE_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolchainError(f"{name} cannot be started: {error}", hint=INSTALL_HINTS[name]) from error
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(f"{name} did not finish within {_COMPILE_SECONDS} s") from error


def _first_lines(text: str, count: int = 20) -> str:
    lines = text.splitlines()
    more = f"\n... and {len(lines) - count} lines more" if len(lines) > count else ""
    return "\n".join(lines[:count]) + more
