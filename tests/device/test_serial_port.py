"""SerialLink on a pseudo-terminal: a real port to pyserial and to the kernel."""

from __future__ import annotations

import os
import pty
import subprocess
import tty
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tinyml.board import load_board
from tinyml.device.device import connect
from tinyml.device.link import LinkClosed, SerialLink
from tinyml.errors import DeviceError

from .fake_firmware import FakeFirmware, expected_outputs, random_inputs


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The far end's descriptor and the near end's name."""
    far, near = pty.openpty()
    tty.setraw(near)
    yield far, os.ttyname(near)
    for descriptor in (far, near):
        os.close(descriptor)


def test_whole_inference(build: Callable[..., FakeFirmware], terminal: tuple[int, str]) -> None:
    far, name = terminal
    process = subprocess.Popen([str(build().elf)], stdin=far, stdout=far)
    try:
        with connect(load_board("host"), port=name, firmware=build()) as device:
            for seed in range(3):
                inputs = random_inputs(seed)
                for output, expected in zip(device.invoke(inputs), expected_outputs(*inputs), strict=True):
                    np.testing.assert_array_equal(output, expected)
    finally:
        process.kill()
        process.wait()


def test_reads_what_is_there(terminal: tuple[int, str]) -> None:
    far, name = terminal
    link = SerialLink(name)
    assert link.read(100, 0.01) == b""
    os.write(far, b"abc")
    assert link.read(2, 5) == b"ab"
    assert link.read(100, 5) == b"c"
    link.write(b"xyz")
    assert os.read(far, 10) == b"xyz"
    link.close()
    link.close()
    with pytest.raises(LinkClosed):
        link.read(1, 0.1)


def test_in_use(terminal: tuple[int, str]) -> None:
    link = SerialLink(terminal[1])
    with pytest.raises(DeviceError, match="is in use"):
        SerialLink(terminal[1])
    link.close()
