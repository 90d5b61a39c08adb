"""Device and Session over the real host firmware, with and without faults on the line."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyml.board import load_board
from tinyml.device.device import Device, connect, find_port
from tinyml.device.link import FakeLink, FaultyLink, Link, LinkClosed, ProcessLink, SerialLink, SerialPort
from tinyml.device.protocol import DeviceReset, Refusal
from tinyml.device.session import Session
from tinyml.errors import DeviceError, LinkError, LinkTimeout, ProtocolError, UsageError

from .fake_firmware import FakeFirmware, expected_outputs, random_inputs

Build = Callable[..., FakeFirmware]
Fault = Callable[[bytes, int], bytes]


def same(data: bytes, _: int) -> bytes:
    return data


def device_with(firmware: FakeFirmware, incoming: Fault = same, outgoing: Fault = same) -> Device:
    """A device whose line damages bytes once it is connected and known."""
    armed: list[bool] = []

    def if_armed(fault: Fault) -> Fault:
        first: list[int] = []

        def pass_on(data: bytes, number: int) -> bytes:
            if not armed:
                return data
            first.append(number)
            return fault(data, number - first[0])

        return pass_on

    def open_link(_: object) -> Link:
        return FaultyLink(ProcessLink([str(firmware.elf)]), if_armed(incoming), if_armed(outgoing))

    device = Device(open_link, timeout=0.3, sync_timeout=3, run_timeout=2)
    device.flash(firmware)
    armed.append(True)
    return device


def assert_right(device: Device, seed: int = 0) -> None:
    inputs = random_inputs(seed)
    for output, expected in zip(device.invoke(inputs), expected_outputs(*inputs), strict=True):
        np.testing.assert_array_equal(output, expected)


def test_invoke(build: Build) -> None:
    with connect(load_board("host")) as device:
        assert device.flash(build()).model == "fake"
        for seed in range(20):
            assert_right(device, seed)
        assert device.ticks() > 0


def test_progress_of_a_load(build: Build) -> None:
    seen: list[tuple[int, int]] = []
    with connect(load_board("host"), firmware=build()) as device:
        device.load(bytes(307), lambda done, total: seen.append((done, total)))
    assert seen == [(256, 307), (307, 307)]


@pytest.mark.parametrize("keeps", [0, 1])
def test_measure(build: Build, keeps: int) -> None:
    """The fake model's highest byte is tail[2], at 402; the host's stack is not measured."""
    with connect(load_board("host"), firmware=build(f"-DFAKE_KEEPS_INPUT={keeps}")) as device:
        measured = device.measure(random_inputs(1))
    assert (measured.peak.stack_bytes, measured.peak.arena_bytes) == (0, 403)
    assert measured.ticks > 0


def test_peak_sees_a_byte_that_equals_one_poison(build: Build) -> None:
    image, _ = random_inputs(1)
    for last in (0xA5, 0x5A):
        bias = np.array([0, 0, last ^ 0x55, 0, 0, 0, 0], np.uint8).view(np.int8)
        with connect(load_board("host"), firmware=build()) as device:
            assert device.measure([image, bias]).peak.arena_bytes == 403


def test_step_ticks(build: Build) -> None:
    with connect(load_board("host"), firmware=build("-DTML_PROFILE")) as device:
        assert device.info().profile
        steps = device.step_ticks(random_inputs(1))
    assert len(steps) == 2 and all(ticks > 0 for ticks in steps)
    with connect(load_board("host"), firmware=build()) as device, pytest.raises(Refusal, match="Not a profile build"):
        device.step_ticks(random_inputs(1))


def test_another_model_answers(build: Build) -> None:
    with connect(load_board("host")) as device, pytest.raises(DeviceError, match="runs model 'fake'"):
        device.flash(replace(build(), model_sha256="ff" * 32))


def test_wrong_inputs(build: Build) -> None:
    image, bias = random_inputs(0)
    with connect(load_board("host"), firmware=build()) as device:
        with pytest.raises(UsageError, match="channels first") as caught:
            device.invoke([image.reshape(5, 10, 6), bias])
        assert "samples.transpose(0, 2, 3, 1)" in caught.value.hint
        with pytest.raises(TypeError, match="positional"):
            device.invoke(image, bias)  # type: ignore[misc]
        wrong: list[list[Any]] = [[image], [bias, image], [image, bias.astype(np.uint8)], [image, bias, bias]]
        wrong += [[image.tolist(), bias]]
        for inputs in wrong:
            with pytest.raises(UsageError):
                device.invoke(inputs)
        with pytest.raises(UsageError):
            device.load(b"1")


def test_nothing_flashed() -> None:
    with connect(load_board("host")) as device, pytest.raises(UsageError, match="runs nothing yet"):
        device.info()


def slowly(data: bytes) -> bytes:
    time.sleep(0.1)
    return data


# Faults in the answers, at the n-th read after the connection.


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-3], id="drop end"),
        pytest.param(lambda data: data[5:], id="drop start"),
        pytest.param(lambda data: b"", id="drop all"),
        pytest.param(lambda data: b"\xff\x00gar\nbage\r\n" + data, id="garbage before"),
        pytest.param(lambda data: data[:9] + b"\xfe?" + data[9:], id="garbage inside"),
        pytest.param(lambda data: data[:9] + bytes([data[9] ^ 1]) + data[10:], id="flipped bit"),
        pytest.param(lambda data: data + data, id="duplicate"),
        pytest.param(slowly, id="delay"),
    ],
)
def test_damaged_answer_is_mended(build: Build, at: int, damage: Callable[[bytes], bytes]) -> None:
    with device_with(build(), incoming=lambda data, n: damage(data) if n == at else data) as device:
        assert_right(device)
        assert_right(device, 1)


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="drop last"),
        pytest.param(lambda data: data[1:], id="drop first"),
        pytest.param(lambda data: b"", id="drop all"),
        pytest.param(lambda data: data[:4] + b"\x81" + data[4:], id="garbage inside"),
        pytest.param(lambda data: bytes([data[0] ^ 1]) + data[1:], id="flipped bit"),
        pytest.param(lambda data: data + data, id="duplicate"),
    ],
)
def test_damaged_command_is_mended(build: Build, at: int, damage: Callable[[bytes], bytes]) -> None:
    with device_with(build(), outgoing=lambda data, n: damage(data) if n == at else data) as device:
        assert_right(device)
        assert_right(device, 1)


def flip_chunk(times: int) -> Fault:
    left = [times]

    def fault(data: bytes, _: int) -> bytes:
        if len(data) == 256 and data != b"%" * 256 and left[0]:
            left[0] -= 1
            return bytes([data[0] ^ 0x40]) + data[1:]
        return data

    return fault


def test_wrong_crc_twice_then_right(build: Build) -> None:
    with device_with(build(), outgoing=flip_chunk(2)) as device:
        assert_right(device)


def test_wrong_crc_always(build: Build) -> None:
    with (
        device_with(build(), outgoing=flip_chunk(99)) as device,
        pytest.raises(ProtocolError, match=r"CRC mismatch.*3 att"),
    ):
        assert_right(device)


def device_that_resets(firmware: FakeFirmware, times: int) -> Device:
    """The process is replaced by a new one as the first chunk of a load goes out."""
    left = [times]

    def fault(data: bytes, _: int) -> bytes:
        if len(data) == 256 and data != b"%" * 256 and left[0]:
            left[0] -= 1
            line = device.session._link
            assert isinstance(line, FaultyLink)
            line.inner.close()
            line.inner = ProcessLink([str(firmware.elf)])
        return data

    device = device_with(firmware, outgoing=fault)
    return device


def test_reset_inside_a_transfer(build: Build) -> None:
    with device_that_resets(build(), 1) as device:
        assert_right(device)


def test_reset_at_every_transfer(build: Build) -> None:
    with (
        device_that_resets(build(), 99) as device,
        pytest.raises(DeviceReset, match="reset during `tml load`"),
    ):
        assert_right(device)


@pytest.mark.parametrize("before", [b"tml run 1 0%", b"tml output%"])
def test_reset_between_two_commands(build: Build, before: bytes) -> None:
    left = [1]

    def fault(data: bytes, _: int) -> bytes:
        if data == before and left[0]:
            left[0] = 0
            return b"tml reset%" + data
        return data

    with device_with(build(), outgoing=fault) as device:
        assert_right(device)


def test_reset_before_the_ticks_are_read(build: Build) -> None:
    left = [1]

    def fault(data: bytes, _: int) -> bytes:
        if data == b"tml ticks%" and left[0]:
            left[0] = 0
            return b"tml reset%" + data
        return data

    with device_with(build(), outgoing=fault) as device:
        assert device.measure(random_inputs(0)).ticks > 0


def test_line_closes_inside_a_transfer(build: Build) -> None:
    def fault(data: bytes, n: int) -> bytes:
        if n == 1:
            line = device.session._link
            assert isinstance(line, FaultyLink)
            line.inner.write(b"%" * 307 + b"tml exit%")
        return data

    with device_with(build(), outgoing=fault) as device, pytest.raises(LinkClosed, match="ended with code 0"):
        assert_right(device)


def test_a_load_left_behind_by_another_host(build: Build, link: ProcessLink) -> None:
    link.write(b"tml load 307 00000000%" + bytes(100))
    Session(link).synchronize()
    link.write(b"half a comm")
    session = Session(link)
    session.synchronize()
    assert "model=fake" in session.ask("info")


# Devices that are no device.


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(lambda data: b"", id="silent"),
        pytest.param(lambda data: data, id="echo"),
        pytest.param(lambda data: b"m-ready\r\n" * 50, id="ready only"),
        pytest.param(lambda data: b"\xff\x00\x80" * 4000, id="noise"),
    ],
)
def test_never_ready(respond: Callable[[bytes], bytes]) -> None:
    session = Session(FakeLink(respond), timeout=0.1, sync_timeout=0.5)
    with pytest.raises(LinkTimeout, match=r"did not answer within 0\.5 s"):
        session.synchronize()


def test_endless_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    class Noise(FakeLink):
        def read(self, max_bytes: int, timeout: float) -> bytes:
            return b"noise\r\n\r\nm-ready\r\n"

    monkeypatch.setattr("tinyml.device.session.TOTAL_TIMEOUT_S", 0.2)
    session = Session(Noise(lambda data: b""), timeout=0.1, sync_timeout=0.3)
    with pytest.raises(LinkError):
        session.synchronize()
    with pytest.raises(LinkError):
        session.load(bytes(307))
    with pytest.raises(LinkError):
        session.ask("ticks")


def test_plain_mlperf_firmware() -> None:
    session = Session(FakeLink(lambda data: b"e-[Unknown command: tml]\r\nm-ready\r\n"))
    with pytest.raises(ProtocolError, match="not this SDK's part"):
        session.synchronize()


def test_failed_connection_closes_the_link() -> None:
    link = FakeLink(lambda data: b"")
    device = Device(lambda _: link, sync_timeout=0.2)
    with pytest.raises(LinkTimeout):
        device.info()
    assert link.closed


# Ports.


def test_missing_port() -> None:
    with pytest.raises(DeviceError, match="does not exist"):
        SerialLink("/dev/ttyNOSUCH0")


def test_refused_socket() -> None:
    with pytest.raises(DeviceError, match="cannot be opened"):
        SerialLink("socket://127.0.0.1:1")


def test_unknown_url() -> None:
    with pytest.raises(DeviceError, match="cannot be opened"):
        SerialLink("nosuch://x")


@pytest.mark.parametrize(
    ("code", "hint"), [(13, "usermod -aG dialout"), (16, "close the program"), (11, "close the program")]
)
def test_port_errors_say_what_to_do(monkeypatch: pytest.MonkeyPatch, code: int, hint: str) -> None:
    import serial

    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(code, "no")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    with pytest.raises(DeviceError) as caught:
        SerialLink("/dev/ttyACM0")
    assert hint in caught.value.hint


def test_find_port() -> None:
    board = load_board("nucleo_f446re")
    vid, pid = (int(part, 16) for part in board.usb_ids[0].split(":"))
    stlink = SerialPort("/dev/ttyACM0", "STLINK", vid, pid)
    other = SerialPort("/dev/ttyS0", "n/a", None, None)
    assert find_port(board, [other, stlink]) == "/dev/ttyACM0"
    with pytest.raises(DeviceError, match="2 ports may be nucleo_f446re: /dev/ttyACM0"):
        find_port(board, [stlink, replace(stlink, device="/dev/ttyACM1")])
    with pytest.raises(DeviceError, match="this machine has: /dev/ttyS0"):
        find_port(board, [other])


def test_process_that_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="does not start"):
        ProcessLink([str(tmp_path / "missing")])
