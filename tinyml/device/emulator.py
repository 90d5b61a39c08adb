"""QEMU as a device: its serial line is a TCP socket, its life ends with ours.

QEMU listens on port 0 and says on stderr which port the kernel gave it, so no two emulators can meet on one. The guest
starts when we connect. A guard process kills QEMU when our end of a pipe closes, which happens even when this process
is killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from tinyml.device.link import LinkClosed, SerialLink, end_process
from tinyml.errors import LinkTimeout, ToolchainError

START_TIMEOUT_S = 20.0
_SERIAL = "tcp:127.0.0.1:0,server=on,wait=on,nodelay=on"
_WAITING = re.compile(rb"waiting for connection on: \S*?tcp:([^\s,]+):(\d+)")
_GUARD = "import os,signal,sys\nif not sys.stdin.buffer.read():\n  os.kill(int(sys.argv[1]), signal.SIGKILL)"


class EmulatorLink:
    """An emulator running an ELF, as a link.

    argv: the emulator's command line without the serial line and the kernel.
    Raises ToolchainError when the emulator is missing or dies at once, LinkTimeout when it does not come up.
    """

    def __init__(self, argv: Sequence[str], elf: Path, timeout: float = START_TIMEOUT_S) -> None:
        self._process = _start([*argv, "-serial", _SERIAL, "-kernel", str(elf)])
        self._said = bytearray()
        self._stop = weakref.finalize(self, _stop, self._process, _guard(self._process))  # runs at exit too
        self._reader = threading.Thread(target=_collect, args=(self._process, self._said), daemon=True)
        self._reader.start()
        try:
            self._link = SerialLink(f"socket://{self._address(timeout)}")
        except BaseException:
            self._stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def _address(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if match := _WAITING.search(bytes(self._said)):
                return f"{match[1].decode()}:{int(match[2])}"
            if self._process.poll() is not None:
                self._reader.join(1)
                raise ToolchainError(f"the emulator ended with code {self._process.returncode}:\n{self._message()}")
            time.sleep(0.005)
        raise LinkTimeout(f"the emulator opened no serial line within {timeout:g} s:\n{self._message()}")

    def _message(self) -> str:
        return bytes(self._said[-2000:]).decode("utf-8", "replace").strip()

    def read(self, max_bytes: int, timeout: float) -> bytes:
        try:
            return self._link.read(max_bytes, timeout)
        except LinkClosed as error:
            raise self._ended() from error

    def write(self, data: bytes) -> None:
        try:
            self._link.write(data)
        except LinkClosed as error:
            raise self._ended() from error

    def _ended(self) -> LinkClosed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1)
        return LinkClosed(f"the emulator ended with code {self._process.returncode}:\n{self._message()}")

    def close(self) -> None:
        self._link.close()
        self._stop()


def _start(argv: list[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    except OSError as error:
        raise ToolchainError(
            f"emulator {argv[0]} does not start: {error.strerror}", hint="sudo apt-get install qemu-system-arm"
        ) from error


def _guard(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", "-c", _GUARD, str(process.pid)]
    try:
        return subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)
    except BaseException:
        end_process(process)
        raise


def _stop(process: subprocess.Popen[bytes], guard: subprocess.Popen[bytes]) -> None:
    end_process(process)
    assert guard.stdin is not None
    with contextlib.suppress(OSError):
        guard.stdin.write(b"done")  # QEMU's number may belong to another process by now
    end_process(guard)


def _collect(process: subprocess.Popen[bytes], said: bytearray) -> None:
    assert process.stderr is not None
    with process.stderr as stream:
        while data := os.read(stream.fileno(), 4096):
            said += data
