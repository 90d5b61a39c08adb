"""The fake model's arithmetic, and the fake firmware as the device module sees one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyml.device.device import Array

SHA256 = "00112233445566778899aabbccddeeff" * 2


@dataclass(frozen=True)
class FakeFirmware:
    elf: Path
    model_sha256: str = SHA256
    output_shapes: tuple[tuple[int, ...], ...] = ((7, 10), (3,))
    input_shapes: tuple[tuple[int, ...], ...] = ((1, 10, 6, 5), (1, 7))
    input_types: tuple[str, ...] = ("int8", "int8")
    output_types: tuple[str, ...] = ("int8", "int8")


def random_inputs(seed: int) -> list[Array]:
    generator = np.random.default_rng(seed)
    return [generator.integers(-128, 128, size, dtype=np.int8) for size in (300, 7)]


def expected_outputs(image: Array, bias: Array) -> list[Array]:
    wide = image.astype(np.int32)
    sums = wide[:70] + wide[70:140] - np.resize(bias.astype(np.int32), 70)
    return [(sums & 255).astype(np.uint8).view(np.int8).reshape(7, 10), bias[:3] ^ np.int8(0x55)]
