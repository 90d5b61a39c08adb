"""Tests of the digits model on boards: pytest examples/on_device --tinyml-board host,qemu_mps2_an386"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["tinyml.testing"]


@pytest.fixture(scope="session")
def tinyml_model() -> Path:
    return Path(__file__).parents[1] / "digits/digits_int8.tflite"
