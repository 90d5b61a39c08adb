"""Fixtures for every tier."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what was measured on this machine, nor what another test measured."""
    monkeypatch.setenv("TINYML_CACHE", str(tmp_path_factory.getbasetemp() / "no-cache"))


SHARED_MODELS = Path(__file__).resolve().parents[1] / "../shared/models"

INT8_MODELS = ("kws_int8", "vww_96_int8", "resnet8_int8", "ad01_int8", "streaming_ww_int8", "mcunet_vww_80")


def shared_model(name: str) -> Path:
    """Path of a model that lies beside the checkout; skips the test where it does not."""
    path = SHARED_MODELS / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{path.name} is not in the models folder beside the checkout")
    return path
