"""Keras files and SavedModels through TensorFlow's converter, against Keras. Each conversion takes seconds: few."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyml import importers
from tinyml.errors import ModelError, UnsupportedError, UsageError
from tinyml.importers import from_keras
from tinyml.interpreter import run
from tinyml.ir import Array

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow", reason="TensorFlow is not installed")


@pytest.fixture(scope="module")
def network(tf: Any) -> tuple[Any, Array, Array]:
    """(model, sample, its output)."""
    layers = tf.keras.layers
    image = tf.keras.Input((10, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, 2, padding="same", use_bias=False)(image))
    x = layers.Flatten()(layers.MaxPooling2D(2)(layers.ReLU(6.0)(x)))
    model = tf.keras.Model(image, layers.Dense(5, activation="softmax")(x))
    sample = np.random.default_rng(0).normal(size=(1, 10, 8, 3)).astype(np.float32)
    return model, sample, np.asarray(model(sample))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["net.keras", "net.h5", "net"])
def test_load(network: tuple[Any, Array, Array], tmp_path: Path, name: str) -> None:
    model, sample, expected = network
    path = tmp_path / name
    if path.suffix:
        model.save(path)
    else:
        model.export(path, verbose=False)
    graph = importers.load(path)
    assert graph.name == "net" and len(graph.sha256) == 64
    (found,) = run(graph, sample)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_a_damaged_file(tf: Any, tmp_path: Path) -> None:
    (tmp_path / "net.keras").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(ModelError, match="TensorFlow does not convert this model"):
        importers.load(tmp_path / "net.keras")


def test_without_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.h5").write_bytes(b"x")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs TensorFlow") as error:
        importers.load(tmp_path / "net.h5")
    assert "install" in error.value.hint and from_keras.TIMEOUT_S > 0


@pytest.mark.parametrize(("name", "package"), [("net.onnx", "onnx")])
def test_without_the_package_of_a_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(UsageError, match=f"needs the package {package}") as error:
        importers.load(tmp_path / name)
    assert f"install {package}" in error.value.hint


def test_a_directory_without_a_saved_model(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError):
        importers.load(tmp_path / "folder")


@pytest.mark.slow
def test_what_tflite_lacks_is_listed_by_name(tf: Any, tmp_path: Path) -> None:
    """Recurrent layers are loops over lists; the converter alone would only say that it cannot lower them."""
    layers = tf.keras.layers
    signal = tf.keras.Input((5, 3))
    tf.keras.Model(signal, layers.Dense(2)(layers.GRU(4)(signal))).save(tmp_path / "net.keras")
    with pytest.raises(UnsupportedError, match=r"net\.keras: (?s:.*)FlexTensorListReserve(?s:.*)WHILE"):
        importers.load(tmp_path / "net.keras")
