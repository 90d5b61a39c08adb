"""A few commands over an emulated board's serial line, by hand: tests of the firmware do not lean on tinyml.device."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyml.board import Board

SECONDS = 30.0
READY = b"m-ready\r\n"


def talk(board: Board, elf: Path, commands: Sequence[bytes], ends: Mapping[bytes, bytes] | None = None) -> str:
    """Starts the emulator, sends each command after the answer to the last, returns all that was said.

    ends: what ends a command's answer where that is not READY. Fails after SECONDS.
    """
    assert board.emulator is not None
    argv = [*board.emulator, "-serial", "stdio", "-kernel", str(elf)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdin and process.stdout
        try:
            said = _until(process, READY)
            for command in commands:
                process.stdin.write(command)
                process.stdin.flush()
                said += _until(process, (ends or {}).get(command, READY))
        finally:
            process.kill()
    return said.decode("ascii", "replace")


def _until(process: subprocess.Popen[bytes], end: bytes) -> bytes:
    assert process.stdout
    os.set_blocking(process.stdout.fileno(), False)
    said = b""
    deadline = time.monotonic() + SECONDS
    while not said.endswith(end):
        said += process.stdout.read() or b""
        assert process.poll() is None, f"the emulator ended: {said!r}"
        assert time.monotonic() < deadline, f"no {end!r} within {SECONDS} s; it said {said!r}"
        time.sleep(0.002)
    return said
