from __future__ import annotations

import zlib

import pytest

from tinyml.device import protocol
from tinyml.device.protocol import GarbledAnswer
from tinyml.errors import ProtocolError

INFO = (
    "protocol=1;model=kws;sha256=ab;sdk=0.1.0;compiler=gcc 12;flags=-O2 -DX=1;board=host;clock_hz=1;tick_hz=2;"
    "arena=3;inputs=490,2;outputs=12;steps=13;keeps_input=0;state=0;stack=0;profile=1"
)


def tml(kind: str, text: str) -> str:
    line = f"m-tml-{kind}-[{text}]"
    return f"{line} {zlib.crc32(line.encode()):08x}"


def output_lines(data: bytes) -> list[str]:
    lines = [tml("data", f"{at} {data[at : at + 64].hex()}") for at in range(0, len(data), 64)]
    return [*lines, tml("output", f"{len(data)} {zlib.crc32(data):08x}")]


def test_commands() -> None:
    assert protocol.command("tml run", 1, 0) == b"tml run 1 0%"
    assert protocol.load_command(b"123456789") == b"tml load 9 cbf43926%"
    assert protocol.parse_ack("256,51") == (256, 51)
    for garbled in ("256", "a,1", "-1,2", "1,2,3", ""):
        with pytest.raises(protocol.GarbledAnswer):
            protocol.parse_ack(garbled)


def test_lines_are_split_wherever_the_bytes_break() -> None:
    splitter = protocol.LineSplitter()
    lines = [line for byte in b"m-ready\r\n\x00a\xffb\r\n\r\nrest" for line in splitter.feed(bytes([byte]))]
    assert lines == ["m-ready", "a�b", ""]


def test_endless_line_is_bounded() -> None:
    splitter = protocol.LineSplitter()
    for _ in range(100):
        splitter.feed(b"x" * 4096)
    (line,) = splitter.feed(b"\n")
    assert len(line) == 1 << 16


def test_one_damaged_character_is_always_seen() -> None:
    line = tml("ticks", "12345")
    assert protocol.checked(line, "ticks") == "12345"
    for at in range(len(line)):
        for damaged in (line[:at] + line[at + 1 :], line[:at] + chr(ord(line[at]) ^ 1) + line[at + 1 :]):
            assert protocol.checked(damaged, "ticks") is None
    assert protocol.checked(line, "peak") is None
    assert protocol.checked(line + "�", "ticks") is None


def test_only_wants_exactly_one() -> None:
    line = tml("ticks", "1")
    assert protocol.only(["noise", line], "ticks") == "1"
    for lines in ([], [line, line]):
        with pytest.raises(GarbledAnswer):
            protocol.only(lines, "ticks")


def test_identity() -> None:
    identity = protocol.parse_identity(INFO)
    assert (identity.model, identity.flags, identity.input_bytes) == ("kws", "-O2 -DX=1", (490, 2))
    assert identity.profile and not identity.keeps_input


@pytest.mark.parametrize("damage", ["steps=13;", "protocol=1;", "sha256=ab;"])
def test_identity_without_a_field(damage: str) -> None:
    with pytest.raises(ProtocolError, match="lacks"):
        protocol.parse_identity(INFO.replace(damage, ""))


def test_identity_of_another_protocol() -> None:
    with pytest.raises(ProtocolError, match="version 2"):
        protocol.parse_identity(INFO.replace("protocol=1", "protocol=2"))


@pytest.mark.parametrize("size", [1, 64, 65, 200])
def test_output(size: int) -> None:
    data = bytes(range(size))
    lines = output_lines(data)
    assert protocol.parse_output(lines) == data
    for missing in range(len(lines)):
        with pytest.raises(GarbledAnswer):
            protocol.parse_output(lines[:missing] + lines[missing + 1 :])
    with pytest.raises(GarbledAnswer):
        protocol.parse_output([lines[0], *lines])


def test_peak_of_another_poison() -> None:
    assert protocol.parse_peak("stack=200;arena=a5:5796", 0xA5) == protocol.Peak(200, 5796)
    with pytest.raises(GarbledAnswer):
        protocol.parse_peak("stack=200;arena=00:5796", 0xA5)
