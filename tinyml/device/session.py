"""Exchanges over a link: one command, one whole answer, or an error; never a hang.

Two bounds hold everywhere: `timeout`, the longest silence, and TOTAL_TIMEOUT_S beyond it, which ends an exchange on a
line that never falls silent.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TypeVar

from tinyml.device import protocol
from tinyml.device.link import Link
from tinyml.device.protocol import DeviceReset, GarbledAnswer, Refusal
from tinyml.errors import LinkTimeout, ProtocolError

Progress = Callable[[int, int], None]
_T = TypeVar("_T")

ATTEMPTS = 3
TOTAL_TIMEOUT_S = 120.0
_READ_BYTES = 4096
_FIRST_SYNC_WINDOW_S = 0.1
_FILL_AFTER_WINDOW_S = 0.2  # a device that is only booting does not deserve it
_LAST_SYNC_WINDOW_S = 1.0


class Session:
    """A conversation with one device.

    timeout: longest silence within an answer, in seconds.   sync_timeout: longest search for a device that answers.
    """

    def __init__(self, link: Link, *, timeout: float = 5.0, sync_timeout: float = 10.0) -> None:
        self._link = link
        self._timeout = timeout
        self._sync_timeout = sync_timeout
        self._splitter = protocol.LineSplitter()
        self._lines: list[str] = []
        self._nonces = itertools.count(time.time_ns() & 0xFFFF0000)

    def close(self) -> None:
        self._link.close()

    def _line(self, end: float, silence: float | None = None) -> str | None:
        """The next line; None at the time `end`, or after `silence` seconds without a byte. Raises LinkClosed."""
        deadline = end if silence is None else min(end, time.monotonic() + silence)
        while not self._lines:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            if data := self._link.read(_READ_BYTES, left):
                self._lines += self._splitter.feed(data)
                deadline = end if silence is None else min(end, time.monotonic() + silence)
        return self._lines.pop(0)

    def synchronize(self) -> None:
        """Brings both ends to the start of an exchange, whatever happened before. Raises LinkTimeout."""
        deadline = time.monotonic() + self._sync_timeout
        window = _FIRST_SYNC_WINDOW_S
        while time.monotonic() < deadline:
            nonce = f"{next(self._nonces) & 0xFFFFFFFF:08x}"
            self._link.write(b"%" + protocol.command("tml sync", nonce))
            if self._await_sync(nonce, min(deadline, time.monotonic() + window)):
                return
            if window >= _FILL_AFTER_WINDOW_S:
                # Inside `tml load` the device takes bytes, not commands: a chunk's worth that are empty commands too.
                self._link.write(b"%" * protocol.FILL_BYTES)
            window = min(2 * window, _LAST_SYNC_WINDOW_S)
        raise LinkTimeout(
            f"the device did not answer within {self._sync_timeout:g} s",
            hint="check that the board is powered, the port is the right one and the firmware is flashed",
        )

    def _await_sync(self, nonce: str, deadline: float) -> bool:
        found = False
        while (line := self._line(deadline)) is not None:
            if found and line == protocol.READY:
                return True
            if (ack := protocol.checked(line, "ack")) is not None:
                self._link.write(b"%" * protocol.parse_ack(ack)[1])
            elif line == "e-[Unknown command: tml]":
                raise ProtocolError(
                    "the device speaks the MLPerf Tiny protocol but not this SDK's part of it",
                    hint="flash a firmware built by `tinyml build`",
                )
            found = found or protocol.checked(line, "sync") == nonce
        return False

    def exchange(self, data: bytes, last: Callable[[str], bool], timeout: float | None = None) -> list[str]:
        """Writes a command and returns its answer's lines: up to m-ready, after one for which `last` is true.

        Raises Refusal, GarbledAnswer, DeviceReset, LinkTimeout, LinkClosed.
        """
        self._link.write(data)
        return self.answer(_name(data), last, timeout)

    def answer(self, name: str, last: Callable[[str], bool], timeout: float | None = None) -> list[str]:
        """The rest of `exchange`, for a command that was written already."""
        lines: list[str] = []
        complete, refusal = False, ""
        end = time.monotonic() + (timeout or self._timeout) + TOTAL_TIMEOUT_S
        while True:
            silence = self._timeout if complete or refusal or timeout is None else timeout
            line = self._line(end, silence)
            if line is None:
                raise LinkTimeout(f"no answer to `{name}` within {silence:g} s", hint="reset the board and try again")
            if line in protocol.RESET_BANNER:
                raise DeviceReset(f"the device reset during `{name}`", hint="check its power supply")
            if line == protocol.READY:
                if refusal:
                    raise Refusal(name, refusal)
                if complete:
                    return lines
                if lines:
                    raise GarbledAnswer(f"the answer to `{name}` came garbled: {lines[-1][:80]!r}")
                continue  # left over from an earlier command
            lines.append(line)
            refusal = refusal or protocol.error_text(line) or ""
            complete = complete or last(line)

    def ask(self, kind: str, *words: object) -> str:
        """What stands in the brackets of the `m-tml-KIND-[..]` answer to `tml KIND WORDS`, asked again when damaged."""
        return self.retry(lambda: self.ask_once(kind, *words))

    def ask_once(self, kind: str, *words: object) -> str:
        """`ask` without a second attempt: for a step of a larger action that is retried as a whole."""
        data = protocol.command("tml", kind, *words)
        return protocol.only(self.exchange(data, lambda line: protocol.checked(line, kind) is not None), kind)

    def load(self, data: bytes, progress: Progress | None = None) -> None:
        """Sends all inputs' bytes, end to end, each chunk once the one before is acknowledged. Raises as `exchange`."""
        self._link.write(protocol.load_command(data))
        sent, wanted = 0, self._await_ack(0)
        while sent < len(data):
            chunk = data[sent : sent + wanted]
            if not chunk:
                raise GarbledAnswer(f"the device asks for no more after {sent} of {len(data)} bytes")
            self._link.write(chunk)
            sent += len(chunk)
            wanted = self._await_ack(sent)
            if progress is not None:
                progress(sent, len(data))
        self.answer("tml load", lambda line: line == protocol.LOAD_DONE)

    def _await_ack(self, count: int) -> int:
        """Waits until the device has `count` bytes; returns how many it takes next."""
        end = time.monotonic() + self._timeout + TOTAL_TIMEOUT_S
        while (line := self._line(end, self._timeout)) is not None:
            if (ack := protocol.checked(line, "ack")) is not None:
                received, wanted = protocol.parse_ack(ack)
                if received == count:
                    return wanted
            if line in protocol.RESET_BANNER:
                raise DeviceReset("the device reset during `tml load`", hint="check its power supply")
            if (text := protocol.error_text(line)) is not None:
                raise Refusal("tml load", text)
            if line not in ("", protocol.READY):
                raise GarbledAnswer(f"the answer to `tml load` came garbled: {line[:80]!r}")
        raise LinkTimeout(f"no acknowledgement of byte {count} of `tml load` within {self._timeout:g} s")

    def retry(self, action: Callable[[], _T]) -> _T:
        """The action's value. After a passing fault both ends are synchronized and it runs anew, ATTEMPTS times."""
        for left in reversed(range(ATTEMPTS)):
            try:
                return action()
            # A refusal passes too: a damaged command is refused like a wrong one.
            except (LinkTimeout, GarbledAnswer, DeviceReset, Refusal) as error:
                self.synchronize()
                if not left:
                    error.message += f" ({ATTEMPTS} attempts)"
                    raise
        raise AssertionError("unreachable")


def _name(data: bytes) -> str:
    return data.rstrip(b"%").decode("ascii")
