"""Sequences of inferences on a model with states: begun anew by a word, whole whatever happens to the line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tinyml.board import load_board
from tinyml.device.device import Device, connect
from tinyml.device.link import ProcessLink

from .fake_firmware import FakeFirmware, expected_outputs, random_inputs
from .test_device import FaultyLink, device_with
from .test_firmware_commands import INPUT, load_script, talk

Build = Callable[..., FakeFirmware]


def runs_before(device: Device, seed: int = 0) -> int:
    """Inferences that the sequence held before this one: each makes the sums greater by 1."""
    inputs = random_inputs(seed)
    sums, tail = device.invoke(inputs)
    first, last = expected_outputs(*inputs)
    assert (tail == last).all()
    (difference,) = np.unique((sums.astype(np.int32).ravel() - first.ravel()) & 255)
    return int(difference)


def test_a_sequence(build: Build) -> None:
    with connect(load_board("host")) as device:
        assert device.flash(build("-DFAKE_STATES")).state_bytes == 4
        assert [runs_before(device, seed) for seed in range(3)] == [0, 1, 2]
        device.forget()
        assert [runs_before(device) for _ in range(2)] == [0, 1]
        device.measure(random_inputs(0))  # one inference for each poison
        assert runs_before(device) == 4


def test_a_device_found_running_starts_a_sequence(build: Build) -> None:
    link = ProcessLink([str(build("-DFAKE_STATES").elf)])
    with Device(lambda image: link) as first:
        assert [runs_before(first) for _ in range(2)] == [0, 1]
        first._session = None  # another program takes over
    with Device(lambda image: link) as second:
        assert runs_before(second) == 0


def test_a_model_without_states(build: Build) -> None:
    with connect(load_board("host"), firmware=build()) as device:
        assert device.info().state_bytes == 0
        assert [runs_before(device) for _ in range(2)] == [0, 0]


@pytest.mark.parametrize("at", range(1, 14, 2))
@pytest.mark.parametrize("side", ["incoming", "outgoing"])
def test_faults_do_not_tear_a_sequence(build: Build, at: int, side: str) -> None:
    """Whether the run of a damaged exchange took place or not."""
    faults = {side: lambda data, n: data[:-2] if n == at else data}
    with device_with(build("-DFAKE_STATES"), **faults) as device:
        assert [runs_before(device, seed) for seed in range(3)] == [0, 1, 2]


def test_a_reset_inside_a_sequence(build: Build) -> None:
    firmware, left = build("-DFAKE_STATES"), [1]

    def fault(data: bytes, _: int) -> bytes:
        line = device.session._link
        if data == b"tml output%" and left[0] and isinstance(line, FaultyLink) and ran[0]:
            left[0] = 0
            line.inner.close()
            line.inner = ProcessLink([str(firmware.elf)])
        return data

    device, ran = device_with(firmware, outgoing=fault), [0]
    with device:
        assert runs_before(device) == 0
        ran[0] = 1
        assert [runs_before(device) for _ in range(2)] == [1, 2]
    assert not left[0]


def test_commands(build: Build) -> None:
    run, stateful = load_script(INPUT) + b"tml run 1 0%", build("-DFAKE_STATES")
    once = talk(stateful, run + b"tml output%")[-4:]
    assert talk(stateful, run + run + b"tml output%")[-4:] != once
    for word in (b"tml forget%", b"tml reset%"):
        assert talk(stateful, run + run + word + run + b"tml output%")[-4:] == once
    assert talk(stateful, b"tml forget%")[0].startswith("m-tml-forget-[4] ")
    assert talk(build(), b"tml forget%")[0].startswith("m-tml-forget-[0] ")
