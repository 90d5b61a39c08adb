"""The fake model on every emulated board, built by the SDK's own firmware module and driven over the real line."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codegen.sources import Port, Sources
from tinyml.board import board_names, load_board
from tinyml.device.device import Device, connect
from tinyml.errors import DeviceError
from tinyml.firmware import Firmware, build_firmware
from tinyml.ir import DType, Quant, Tensor
from tinyml.toolchain import installed_toolchains

from .fake_firmware import SHA256, expected_outputs, random_inputs

FAKE_MODEL = Path(__file__).parent / "fake_model"
EMULATED = [name for name in board_names() if load_board(name).emulator is not None]

pytestmark = pytest.mark.board


def port(name: str, size: int) -> Port:
    return Port(name, f"fake_{name}", Tensor(name, (1, size), DType.INT8, Quant.per_tensor(1 / 256, -128)))


SOURCES = Sources(
    name="fake",
    files={name: (FAKE_MODEL / name).read_text(encoding="utf-8") for name in ("fake.h", "fake.c")},
    inputs=(port("input_image", 300), port("input_bias", 7)),
    outputs=(port("output_sums", 70), port("output_tail", 3)),
    arena_bytes=512,
    steps=("sums", "tail"),
    keeps_input=False,
    model_sha256=SHA256,
)


@pytest.fixture(scope="module", params=EMULATED)
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    board = load_board(request.param)
    if board.emulator is None or shutil.which(board.emulator[0]) is None or not installed_toolchains(board):
        pytest.skip(f"needs {board.emulator and board.emulator[0]} and {' or '.join(board.core.toolchains)}")
    return build_firmware(SOURCES, board, tmp_path_factory.mktemp(board.name) / "out", profile=True)


@pytest.fixture(scope="module")
def device(firmware: Firmware) -> Iterator[Device]:
    with connect(firmware.board) as device:
        device.flash(firmware)
        yield device


def test_identity(device: Device, firmware: Firmware) -> None:
    identity = device.info()
    assert (identity.model_sha256, identity.board) == (SHA256, firmware.board.name)
    assert (identity.compiler, identity.flags) == (firmware.compiler, firmware.flags)
    assert identity.tick_hz == firmware.board.counter.tick_hz


@pytest.mark.parametrize("seed", range(3))
def test_outputs(device: Device, seed: int) -> None:
    inputs = random_inputs(seed)
    for output, expected in zip(device.invoke(inputs), expected_outputs(*inputs), strict=True):
        np.testing.assert_array_equal(output, expected.reshape(output.shape))


def test_a_measurement_repeats(device: Device, firmware: Firmware) -> None:
    first, second = (device.measure(random_inputs(1)) for _ in range(2))
    assert first.peak == second.peak
    assert first.peak.arena_bytes == 403
    assert 0 < first.peak.stack_bytes <= firmware.sections.stack_bytes
    count = firmware.board.counter.count
    assert count(first.ticks) == count(second.ticks) > 0


def test_steps(device: Device) -> None:
    sums, tail = device.step_ticks(random_inputs(1))
    assert 0 < sums + tail <= device.ticks()


def test_load_abandoned_by_another_host(device: Device) -> None:
    link = device.session._link
    link.write(b"tml load 307 00000000%" + bytes(100))
    device.session.synchronize()
    np.testing.assert_array_equal(device.invoke(random_inputs(2))[1].ravel(), expected_outputs(*random_inputs(2))[1])


def test_another_model(firmware: Firmware) -> None:
    other = dataclasses.replace(firmware, model_sha256="ff" * 32)
    with connect(firmware.board) as device, pytest.raises(DeviceError, match="runs model 'fake'"):
        device.flash(other)
