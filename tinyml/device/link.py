"""Byte pipes to a device: a serial port or socket, a process, and two links for tests.

Only this module knows pyserial.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import serial
from serial.tools import list_ports as _serial_ports

from tinyml.errors import DeviceError, LinkError, LinkTimeout

WRITE_TIMEOUT_S = 10.0


class LinkClosed(LinkError):
    """The other end went away."""


class Link(Protocol):
    def read(self, max_bytes: int, timeout: float) -> bytes:
        """At least one byte as soon as any is there; b"" after `timeout` seconds. Raises LinkClosed."""

    def write(self, data: bytes) -> None:
        """Raises LinkClosed, or LinkTimeout when the other end does not take the bytes."""

    def close(self) -> None:
        """Ends the link; a second call does nothing."""


class SerialLink:
    """A serial port ("/dev/ttyACM0", "COM3") or a pyserial URL ("socket://127.0.0.1:4000").

    Raises DeviceError when the port does not exist, is in use or denies access.
    """

    def __init__(self, port: str, baud: int = 115_200) -> None:
        self._is_port = "://" not in port
        options: dict[str, Any] = {"exclusive": True} if self._is_port else {}
        try:
            self._port = serial.serial_for_url(port, baudrate=baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, **options)
        except (serial.SerialException, OSError, ValueError) as error:
            raise _port_error(port, error) from error

    def read(self, max_bytes: int, timeout: float) -> bytes:
        try:
            if not self._ready(timeout):
                return b""
            data: bytes = self._port.read(max_bytes)  # with pyserial's timeout at 0: what is there
        except (serial.SerialException, OSError, TypeError) as error:
            raise LinkClosed(
                f"the serial line closed: {error}", hint="check the cable and the board's power"
            ) from error
        if not data and not self._is_port:
            raise LinkClosed("the serial line closed")
        return data

    def _ready(self, timeout: float) -> bool:
        if os.name == "posix" or not self._is_port:
            return bool(select.select([self._port], [], [], timeout)[0])
        deadline = time.monotonic() + timeout  # a Windows COM port cannot be selected on
        while not self._port.in_waiting and time.monotonic() < deadline:
            time.sleep(0.001)
        return bool(self._port.in_waiting)

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except serial.SerialTimeoutException as error:
            raise LinkTimeout(f"the port took no bytes for {WRITE_TIMEOUT_S:g} s") from error
        except (serial.SerialException, OSError) as error:
            raise LinkClosed(
                f"the serial line closed: {error}", hint="check the cable and the board's power"
            ) from error

    def close(self) -> None:
        with contextlib.suppress(serial.SerialException, OSError):
            self._port.close()


def require_port(port: str) -> None:
    """Raises DeviceError where there is no such port; a URL, or another system's name of one, is not looked at."""
    if os.name == "posix" and "://" not in port and not Path(port).exists():
        raise _port_error(port, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))


def _port_error(port: str, error: Exception) -> DeviceError:
    code = getattr(error, "errno", None)
    text = str(error)
    if code == errno.ENOENT or "FileNotFoundError" in text:
        return DeviceError(
            f"serial port {port} does not exist", hint="plug the board in, then `tinyml ports` lists what is there"
        )
    if code in (errno.EACCES, errno.EPERM) or "PermissionError" in text:
        return DeviceError(
            f"no permission to open serial port {port}",
            hint="`sudo usermod -aG dialout $USER`, then log out and in again",
        )
    if code in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text:
        return DeviceError(
            f"serial port {port} is in use", hint=f"close the program that holds it (`lsof {port}` names it)"
        )
    return DeviceError(f"serial port {port} cannot be opened: {text}", hint="`tinyml ports` lists what is there")


@dataclass(frozen=True)
class SerialPort:
    """A serial port of this machine. vid, pid: its USB ids, or None."""

    device: str
    description: str
    vid: int | None
    pid: int | None

    @property
    def usb_id(self) -> str:
        """ "0483:374b", or "" where the port is not USB."""
        return f"{self.vid:04x}:{self.pid:04x}" if self.vid is not None and self.pid is not None else ""


def list_ports() -> tuple[SerialPort, ...]:
    """This machine's serial ports, by name."""
    found = sorted(_serial_ports.comports(), key=lambda port: str(port.device))
    return tuple(SerialPort(port.device, port.description, port.vid, port.pid) for port in found)


class ProcessLink:
    """A process whose stdin and stdout are its serial line: the host board's firmware. POSIX only."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the link
        try:
            self._process = subprocess.Popen(
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, bufsize=0
            )
        except OSError as error:
            self._stderr.close()
            raise DeviceError(
                f"{argv[0]} does not start: {error.strerror}", hint="build it for the host board"
            ) from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._input, False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def read(self, max_bytes: int, timeout: float) -> bytes:
        if not select.select([self._output], [], [], timeout)[0]:
            return b""
        data = os.read(self._output, max_bytes)
        if not data:
            raise self._closed()
        return data

    def write(self, data: bytes) -> None:
        deadline = time.monotonic() + WRITE_TIMEOUT_S
        while data:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([], [self._input], [], left)[1]:
                raise LinkTimeout(f"the firmware took no bytes for {WRITE_TIMEOUT_S:g} s")
            try:
                data = data[os.write(self._input, data) :]
            except BlockingIOError:
                continue  # select saw room for fewer bytes than a pipe writes at once
            except BrokenPipeError as error:
                raise self._closed() from error

    def _closed(self) -> LinkClosed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=2)
        self._stderr.seek(0)
        said = self._stderr.read()[-2000:].decode("utf-8", "replace").strip()
        return LinkClosed(
            f"the firmware process ended with code {self._process.returncode}" + (f":\n{said}" if said else "")
        )

    def close(self) -> None:
        if self._stderr.closed:
            return
        end_process(self._process)
        self._stderr.close()


def end_process(process: subprocess.Popen[bytes], patience_s: float = 2.0) -> None:
    """Closes the pipes, waits, and kills a process that does not end by that. Returns when it is gone."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    try:
        process.wait(timeout=patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class FakeLink:
    """A link for tests: `respond` gets the bytes written and returns the bytes that come back."""

    def __init__(self, respond: Callable[[bytes], bytes], banner: bytes = b"") -> None:
        self._respond = respond
        self._pending = bytearray(banner)
        self.closed = False

    def read(self, max_bytes: int, timeout: float) -> bytes:
        if not self._pending:
            time.sleep(timeout)
        data = bytes(self._pending[:max_bytes])
        del self._pending[:max_bytes]
        return data

    def write(self, data: bytes) -> None:
        self._pending += self._respond(data)

    def close(self) -> None:
        self.closed = True


class FaultyLink:
    """A link for tests that damages what passes: each function gets the bytes and their 0-based number, returns others.

    A fault may also raise, sleep, or swap `inner` for another link.
    """

    def __init__(
        self,
        inner: Link,
        incoming: Callable[[bytes, int], bytes] = lambda data, _: data,
        outgoing: Callable[[bytes, int], bytes] = lambda data, _: data,
    ) -> None:
        self.inner = inner
        self._incoming, self._outgoing = incoming, outgoing
        self._reads = self._writes = 0

    def read(self, max_bytes: int, timeout: float) -> bytes:
        data = self.inner.read(max_bytes, timeout)
        if not data:
            return data
        self._reads += 1
        return self._incoming(data, self._reads - 1)

    def write(self, data: bytes) -> None:
        self._writes += 1
        self.inner.write(self._outgoing(data, self._writes - 1))

    def close(self) -> None:
        self.inner.close()
