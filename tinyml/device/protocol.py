"""The serial protocol: what is written and how answers read. Pure functions, no I/O.

The MLPerf Tiny device protocol (github.com/mlcommons/tiny, benchmark/api and benchmark/runner) plus the SDK's
extensions. The firmware's side is firmware_templates/common. A command is ASCII ended by '%'; an answer is lines ended
by CR LF, the last `m-ready`; an error is a line `e-[text]`. After a reset: `m-timestamp-mode-performance`,
`m-lap-us-N`, `m-init-done`, `m-ready`.

    standard         name timestamp profile help | db load N, db HEX, db print | infer [N=1 [W=10]] | results
    tml info         m-tml-info-[protocol=1;model=..;sha256=..;...] CRC
    tml load N CRC   m-tml-ack-[IN,NEXT] CRC: IN raw bytes are in, send NEXT more; m-load-done follows the last
    tml run N W      as infer, without its m-results line; refused without a fresh input
    tml output       m-tml-data-[OFFSET HEX] CRC per 64 bytes, then m-tml-output-[N CRC] CRC: all outputs end to end
    tml ticks        m-tml-ticks-[N] CRC: ticks of the last timed run set
    tml poison HH    m-tml-poison-[HH] CRC: fills the arena, repaints the stack
    tml peak         m-tml-peak-[stack=N;arena=HH:N] CRC
    tml steps        m-tml-steps-[N,N,...] CRC, in a profile build
    tml crc          m-tml-crc-[HHHHHHHH,...] CRC: CRC-32 of what each step wrote, in a trace build
    tml forget       m-tml-forget-[N] CRC: the N bytes of the model's states are as before its first inference
    tml sync X       m-tml-sync-[X] CRC: 8 hex digits back; what follows belongs to later commands
    tml reset, exit  the banner of a reset; the end of a host process

Every `m-tml-` line ends in a blank and the CRC-32 of what stands before it, so that a damaged digit is never believed.

Where the standard was followed against a simpler grammar: `infer` prints `m-results-[..]` itself, warm-ups default to
10, the banner has an `m-lap-us` line, `db print` prints `m-buffer-..` lines of eight bytes.

Where we differ from the reference firmware, invisibly to its runner: a lone '%' answers `m-ready`; `db load` beyond the
input is an `e-[..]`; a command over 127 characters is refused instead of cut; a model that consumes its input
(keeps_input=0) has true results after its first run only, so `infer N` prints `m-results` right after that run, outside
the timed spans, and `results` then answers an error; time stamps leave out the loop around the runs. Results are
scale * (q - zero_point), exact, rounded half away from zero to six decimals. Not covered: the runner's energy mode (a
GPIO pulse), and ad01's float32 input and mean-square-error result.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyml.errors import ProtocolError

READY = "m-ready"
RESET_BANNER = ("m-timestamp-mode-performance", "m-init-done")
LOAD_DONE = "m-load-done"
RUN_DONE = "m-infer-done"
FILL_BYTES = 256  # what an abandoned `tml load` is fed at a time until it ends
PROTOCOL_VERSION = 1
_MAX_LINE_BYTES = 1 << 16
_CHECKED = re.compile(r"(m-tml-([a-z]+)-\[(.*)\]) ([0-9a-f]{8})")


class GarbledAnswer(ProtocolError):
    """An answer that arrived damaged or incomplete; worth asking again."""


class DeviceReset(ProtocolError):
    """The device started anew in the middle of an exchange; worth starting over."""


class Refusal(ProtocolError):
    """The device answered `e-[text]`. `text` holds what stands in the brackets."""

    def __init__(self, command: str, text: str) -> None:
        super().__init__(f"the device refused `{command}`: {text}")
        self.text = text


@dataclass(frozen=True)
class BuildIdentity:
    """What `tml info` says of the firmware. Sizes in bytes, rates in Hz."""

    model: str
    model_sha256: str
    sdk_version: str
    compiler: str
    flags: str
    board: str
    clock_hz: int
    tick_hz: int
    arena_bytes: int
    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]
    steps: int
    keeps_input: bool
    stack_bytes: int
    profile: bool
    state_bytes: int = 0


@dataclass(frozen=True)
class Peak:
    """Highest use since the last poison, in bytes. An arena byte that equals the poison does not count."""

    stack_bytes: int
    arena_bytes: int


class LineSplitter:
    """Turns bytes as they come into whole lines; bytes outside ASCII become U+FFFD."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[str]:
        self._pending += data
        *lines, rest = bytes(self._pending).split(b"\n")
        # A line without end is noise: only its tail can still hold something.
        self._pending = bytearray(rest[-_MAX_LINE_BYTES:])
        return [line.strip(b"\r\0 ").decode("ascii", "replace") for line in lines]


def command(*words: object) -> bytes:
    """The bytes of a command: words with a blank between, then '%'."""
    return " ".join(map(str, words)).encode("ascii") + b"%"


def load_command(data: bytes) -> bytes:
    return command("tml load", len(data), f"{zlib.crc32(data):08x}")


def parse_ack(text: str) -> tuple[int, int]:
    """(bytes that are in, bytes to send next) of `m-tml-ack`."""
    match = re.fullmatch(r"(\d{1,9}),(\d{1,9})", text)
    if match is None:
        raise GarbledAnswer(f"an acknowledgement came garbled: {text[:80]!r}")
    return int(match[1]), int(match[2])


def checked(line: str, kind: str) -> str | None:
    """What stands in the brackets of `m-tml-KIND-[...] CRC`; None for any other line or a wrong checksum."""
    match = _CHECKED.fullmatch(line)
    if not match or match[2] != kind or zlib.crc32(match[1].encode("ascii", "replace")) != int(match[4], 16):
        return None
    return match[3]


def only(lines: Iterable[str], kind: str) -> str:
    """The one intact `m-tml-KIND` line of an answer. Raises GarbledAnswer."""
    found = [text for line in lines if (text := checked(line, kind)) is not None]
    if len(found) != 1:
        raise GarbledAnswer(f"{len(found)} intact m-tml-{kind} lines came, not 1")
    return found[0]


def error_text(line: str) -> str | None:
    """The text of `e-[text]`, or None."""
    match = re.fullmatch(r"e-\[(.*)\]", line)
    return match[1] if match else None


def parse_identity(text: str) -> BuildIdentity:
    """The fields of `tml info`. Raises ProtocolError when one is missing or the protocol is another."""
    fields = dict(pair.partition("=")[::2] for pair in text.split(";"))
    try:
        if int(fields["protocol"]) != PROTOCOL_VERSION:
            raise ProtocolError(
                f"the firmware speaks version {fields['protocol']} of the protocol, this SDK {PROTOCOL_VERSION}",
                hint="build and flash the firmware with this SDK",
            )
        return _identity(fields)
    except (KeyError, ValueError) as error:
        raise ProtocolError(f"`tml info` lacks or garbles a field: {error}") from error


def _identity(fields: Mapping[str, str]) -> BuildIdentity:
    return BuildIdentity(
        model=fields["model"],
        model_sha256=fields["sha256"],
        sdk_version=fields["sdk"],
        compiler=fields["compiler"],
        flags=fields["flags"],
        board=fields["board"],
        clock_hz=int(fields["clock_hz"]),
        tick_hz=int(fields["tick_hz"]),
        arena_bytes=int(fields["arena"]),
        input_bytes=_numbers(fields["inputs"]),
        output_bytes=_numbers(fields["outputs"]),
        steps=int(fields["steps"]),
        keeps_input=fields["keeps_input"] == "1",
        stack_bytes=int(fields["stack"]),
        profile=fields["profile"] == "1",
        state_bytes=int(fields["state"]),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def parse_steps(text: str) -> tuple[int, ...]:
    """Ticks per step."""
    return _numbers(text)


def parse_crcs(text: str) -> tuple[int, ...]:
    """CRC-32 per step."""
    return tuple(int(digits, 16) for digits in text.split(","))


def parse_peak(text: str, poison: int) -> Peak:
    """The answer to `tml peak` after `tml poison`. Raises GarbledAnswer when the poison was another."""
    match = re.fullmatch(r"stack=(\d+);arena=([0-9a-f]{2}):(\d+)", text)
    if not match or int(match[2], 16) != poison:
        raise GarbledAnswer(f"`tml peak` after poison {poison:02x} answered {text!r}")
    return Peak(stack_bytes=int(match[1]), arena_bytes=int(match[3]))


def parse_output(lines: Iterable[str]) -> bytes:
    """All outputs end to end, from the lines of `tml output`.

    Raises GarbledAnswer unless size, order and CRC are right.
    """
    lines = list(lines)
    data = bytearray()
    for line in lines:
        if (text := checked(line, "data")) is not None:
            offset, _, digits = text.partition(" ")
            if int(offset) != len(data):
                raise GarbledAnswer(f"output bytes at {offset} came where {len(data)} was next")
            data += bytes.fromhex(digits)
    size, _, crc = only(lines, "output").partition(" ")
    if len(data) != int(size) or zlib.crc32(data) != int(crc, 16):
        raise GarbledAnswer(f"{len(data)} of {size} output bytes came, or their CRC is wrong")
    return bytes(data)
