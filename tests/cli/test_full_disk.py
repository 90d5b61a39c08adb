"""A disk that fills up during a build: one error with exit code 2, nothing left behind, an earlier build untouched."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import small_graph, write_model
from tests.cli.conftest import Command

ROOT = Path(__file__).resolve().parents[2]
on_host = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")

# tmpfs of a given size in a mount namespace of our own: sh -c SCRIPT sh SIZE PYTHON MODEL
_IN_TMPFS = """
mkdir place && mount -t tmpfs -o size=$1 tmpfs place && cd place || exit 99
export TMPDIR=$PWD
"$2" -c 'from tinyml.cli import main; main()' build "$3" --board host -o out
code=$?
find . -mindepth 1
exit $code
"""


def can_mount() -> bool:
    tool = shutil.which("unshare")
    if tool is None:
        return False
    attempt = [tool, "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0


def files(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@on_host
@pytest.mark.skipif(not can_mount(), reason="a tmpfs cannot be mounted here")
@pytest.mark.parametrize("size", ["4k", "64k", "100k", "140k", "180k"])
def test_build_on_a_small_disk(tmp_path: Path, size: str) -> None:
    """Sizes at which the disk fills up while writing sources, compiling, and linking."""
    model = write_model(tmp_path / "small.tflite", small_graph())
    command = ["unshare", "-rm", "sh", "-c", _IN_TMPFS, "sh", size, sys.executable, str(model)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout == "", "files are left behind"
    assert done.stderr.startswith("tinyml: ") and "no space left on" in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr


@on_host
@pytest.mark.parametrize("writes", [0, 1, 5, 12])
def test_write_that_fails(
    tinyml: Command, model: Path, place: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    assert tinyml("build", model, "--board", "host", "-o", "out").code == 0
    before = files(place)
    honest = Path.write_text
    left = [writes]

    def failing(path: Path, *arguments: Any, **options: Any) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return honest(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", failing)
    answer = tinyml("build", model, "--board", "host", "-o", "out", "--profile")
    assert answer.code == 2 and "No space left on device" in answer.err
    assert files(place) == before
