from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinyml
from tinyml.device.device import Device

IMAGES = Path(__file__).parents[1] / "digits/test_images.npz"


@pytest.mark.parametrize("number", range(3))
def test_equals_the_interpreter(device: Device, tinyml_graph: tinyml.Graph, number: int) -> None:
    sample = tinyml.load_samples(IMAGES, tinyml_graph).inputs[number]
    for output, expected in zip(device.invoke(sample), tinyml.run(tinyml_graph, sample), strict=True):
        np.testing.assert_array_equal(output, expected)


def test_stays_small(firmware: tinyml.Firmware) -> None:
    assert firmware.sections.arena_bytes <= 6_000


def test_takes_no_more_memory_than_predicted(device: Device, firmware: tinyml.Firmware) -> None:
    shape = firmware.input_shapes[0]
    peak = device.measure(np.zeros(shape, np.int8)).peak
    assert peak.arena_bytes + peak.stack_bytes + firmware.sections.static_bytes <= firmware.sections.sram_bytes
