"""QEMU as a device: its serial line is a TCP socket, its life ends with ours.

QEMU listens on port 0 and is asked over QMP which port the kernel gave it, so no two emulators can meet on one. A guard
process kills QEMU when our end of a pipe closes, which happens even when this process is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from tinyml.device.link import LinkClosed, SerialLink, end_process
from tinyml.errors import LinkTimeout, ToolchainError
from tinyml.install_hints import INSTALL_HINTS

START_TIMEOUT_S = 20.0
_SERIAL = "tcp:127.0.0.1:0,server=on,wait=off,nodelay=on"
_ASK_PORT = b'{"execute": "qmp_capabilities"}{"execute": "query-chardev"}'
_NUDGE_AFTER_S = 0.02
_LISTENING = re.compile(r"tcp:127\.0\.0\.1:(\d+)")
_GUARD = "import os,signal,sys\nif not sys.stdin.buffer.read():\n  os.kill(int(sys.argv[1]), signal.SIGKILL)"


class EmulatorLink:
    """An emulator running an ELF, as a link.

    argv: the emulator's command line without the serial line and the kernel.
    Raises ToolchainError when the emulator is missing or dies at once, LinkTimeout when it does not come up.
    """

    def __init__(self, argv: Sequence[str], elf: Path, timeout: float = START_TIMEOUT_S) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the link
        self._process = _start([*argv, "-serial", _SERIAL, "-qmp", "stdio", "-kernel", str(elf)], self._said)
        self._stop = weakref.finalize(self, _stop, self._process, _guard(self._process))  # runs at exit too
        try:
            self._link = SerialLink(f"socket://127.0.0.1:{self._port(timeout)}")
        except BaseException:
            self._stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def _port(self, timeout: float) -> int:
        """The port of the first serial line, from QMP's answers on stdout: one JSON object a line."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(_ASK_PORT)
            self._process.stdin.flush()
        deadline = time.monotonic() + timeout
        answers = bytearray()
        while data := self._output(deadline, timeout):
            answers += data
            for line in answers.split(b"\n")[:-1]:
                if (port := _serial_port(bytes(line))) is not None:
                    return port
        raise ToolchainError(f"the emulator {self._ending()}")

    def _output(self, deadline: float, timeout: float) -> bytes:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise LinkTimeout(f"the emulator opened no serial line within {timeout:g} s")
        return os.read(self._process.stdout.fileno(), 4096)

    def _ending(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._said.seek(0)
        said = self._said.read()[-2000:].decode("utf-8", "replace").strip()
        return f"ended with code {self._process.returncode}:\n{said}"

    def read(self, max_bytes: int, timeout: float) -> bytes:
        end = time.monotonic() + timeout
        try:
            while True:
                left = end - time.monotonic()
                data = self._link.read(max_bytes, max(0.0, min(left, _NUDGE_AFTER_S)))
                if data or left <= _NUDGE_AFTER_S:
                    return data
                self._nudge()
        except LinkClosed as error:
            raise LinkClosed(f"the emulator {self._ending()}") from error

    def _nudge(self) -> None:
        """Wakes QEMU's main loop with a blank on QMP: once a guest had its receiver off, the loop looks at the socket
        again only when something wakes it, up to a second later."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b" ")
            self._process.stdin.flush()

    def write(self, data: bytes) -> None:
        try:
            self._link.write(data)
        except LinkClosed as error:
            raise LinkClosed(f"the emulator {self._ending()}") from error

    def close(self) -> None:
        self._link.close()
        self._stop()
        self._said.close()


def _serial_port(line: bytes) -> int | None:
    """The TCP port of serial0 in an answer to query-chardev, or None."""
    answer: Any = json.loads(line)
    devices = answer.get("return", ())
    for device in devices if isinstance(devices, list) else ():
        if device.get("label") == "serial0" and (match := _LISTENING.search(device.get("filename", ""))):
            return int(match[1])
    return None


def require_emulator(program: str) -> None:
    """Raises ToolchainError where the emulator is not installed."""
    if shutil.which(program) is None:
        raise ToolchainError(f"emulator {program} is not installed", hint=_install(program))


def _install(program: str) -> str:
    return INSTALL_HINTS.get(program, INSTALL_HINTS["qemu-system-arm"])


def _start(argv: list[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
    except OSError as error:
        message = f"emulator {argv[0]} does not start: {error.strerror}"
        raise ToolchainError(message, hint=_install(argv[0])) from error


def _guard(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", "-c", _GUARD, str(process.pid)]
    try:
        return subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)
    except BaseException:
        end_process(process, patience_s=0)
        raise


def _stop(process: subprocess.Popen[bytes], guard: subprocess.Popen[bytes]) -> None:
    end_process(process, patience_s=0)  # it has nothing to save
    assert guard.stdin is not None
    with contextlib.suppress(OSError):
        guard.stdin.write(b"done")  # QEMU's number may belong to another process by now
    end_process(guard)
