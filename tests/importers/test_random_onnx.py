"""Random networks of mixed layouts against onnxruntime. More: `python -m tests.random_onnx --seed 7 --count 20000`."""

from __future__ import annotations

import pytest

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from tests.random_onnx import outcome


@pytest.mark.parametrize("seed", range(0, 300, 50))
def test_random_networks(seed: int) -> None:
    assert {outcome(seed + number) for number in range(50)} == {"equal"}


def test_a_reshape_that_looks_like_channels_last() -> None:
    """A signal of two channels, reshaped to the sides that it has as an image, in another order."""
    assert outcome(109847) == "equal"
