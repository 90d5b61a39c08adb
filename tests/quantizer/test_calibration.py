"""Calibration data from everything that can hold it, and clear refusals of the rest."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.quantizer.nets import FloatNet
from tinyml.errors import UsageError
from tinyml.ir import DType, Graph, Quant, Tensor
from tinyml.ops import Add
from tinyml.quantizer import Calibration, calibration_data
from tinyml.quantizer.pixels import PIXELS

SHAPE = (1, 4, 5, 3)
RNG = np.random.default_rng(0)
BATCH = RNG.normal(size=(6, *SHAPE[1:])).astype(np.float32)


def net(*shape: int) -> Graph:
    built = FloatNet(*(shape or SHAPE))
    return built.graph(built.add(Add(), built.input, built.input))


def two_inputs() -> Graph:
    built = FloatNet(1, 4)
    other = Tensor("other", (1, 4), DType.FLOAT32)
    built.inputs.append(other)
    return built.graph(built.add(Add(), built.input, other))


def assert_rows(found: Calibration, expected: Any) -> None:
    assert len(found) == len(expected)
    for (row,), wanted in zip(found.inputs, expected, strict=True):
        assert row.dtype == np.float32 and row.shape == SHAPE
        np.testing.assert_array_equal(row[0], wanted)


def test_npz_with_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=BATCH.astype(np.float64), y=np.arange(6, dtype=np.uint8))
    found = calibration_data(str(tmp_path / "a.npz"), net())
    assert_rows(found, BATCH)
    assert found.labels is not None and found.labels.tolist() == list(range(6)) and found.origin == "a.npz"


def test_npy_and_array_and_limit(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", BATCH)
    assert_rows(calibration_data(tmp_path / "a.npy", net()), BATCH)
    assert_rows(calibration_data(BATCH, net(), limit=3), BATCH[[0, 2, 5]])
    assert_rows(calibration_data(BATCH.reshape(6, -1), net()), BATCH)
    assert_rows(calibration_data(BATCH[:, None], net()), BATCH)


def test_channels_first_where_the_shape_says_so() -> None:
    assert_rows(calibration_data(np.moveaxis(BATCH, -1, 1), net()), BATCH)
    signals = np.random.default_rng(0).normal(size=(5, 3, 8)).astype(np.float32)
    found = calibration_data(signals, net(1, 8, 1, 3))
    np.testing.assert_array_equal(np.concatenate([x for (x,) in found.inputs])[:, :, 0], signals.transpose(0, 2, 1))
    assert_rows(calibration_data(iter(np.moveaxis(BATCH, -1, 1)), net()), BATCH)


def test_iterables_of_samples_batches_and_pairs() -> None:
    assert_rows(calibration_data((row for row in BATCH), net()), BATCH)
    assert_rows(calibration_data([BATCH[:4], BATCH[4:]], net()), BATCH)
    assert_rows(
        calibration_data([(BATCH[:4], np.zeros(4, int)), (BATCH[4:], np.ones(2, int))], net(), limit=5), BATCH[:5]
    )
    found = calibration_data([(row[None], number) for number, row in enumerate(BATCH)], net())
    assert found.labels is not None and found.labels.tolist() == list(range(6))


class Loader:
    """What a PyTorch DataLoader looks like from outside: batches of things that numpy can turn into arrays."""

    class Tensor:
        def __init__(self, values: Any) -> None:
            self.values = values

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.asarray(self.values, dtype)

    def __iter__(self) -> Iterator[list[Loader.Tensor]]:
        for begin in (0, 4):
            images = np.moveaxis(BATCH[begin : begin + 4], -1, 1)
            yield [self.Tensor(images), self.Tensor(np.arange(len(images)))]


def test_a_data_loader() -> None:
    found = calibration_data(Loader(), net())
    assert_rows(found, BATCH)
    assert found.labels is not None and found.labels.tolist() == [0, 1, 2, 3, 0, 1]


def test_several_inputs(tmp_path: Path) -> None:
    columns = [RNG.normal(size=(3, 4)).astype(np.float32) for _ in range(2)]
    np.savez(tmp_path / "a.npz", x0=columns[0], x1=columns[1])
    for source in (tmp_path / "a.npz", list(zip(*columns, strict=True)), [tuple(columns)]):
        found = calibration_data(source, two_inputs())
        assert len(found) == 3
        np.testing.assert_array_equal(found.inputs[2][1][0], columns[1][2])


def test_quantized_samples_of_an_int8_model() -> None:
    source = Tensor("x", (1, 4), DType.INT8, Quant.per_tensor(0.5, 2))
    graph = Graph("g", (), (source,), (source,))
    found = calibration_data(np.array([[2, 4, 0, -128]], np.int8), graph)
    np.testing.assert_array_equal(found.inputs[0][0], [[0, 1, -1, -65]])


def test_random_only_by_name() -> None:
    found = calibration_data("random", net(), limit=7)
    assert len(found) == 7 and found.origin == "random numbers"
    with pytest.raises(UsageError, match=r"none are given(.|\n)*--data random"):
        calibration_data(None, net())


@pytest.mark.parametrize("pixels, low, high", [("0..1", 0, 1), ("-1..1", -1, 1), ("0..255", 0, 255)])
def test_uint8_needs_to_know_what_pixels_mean(pixels: str, low: float, high: float) -> None:
    images = np.zeros((2, *SHAPE[1:]), np.uint8)
    images[1] = 255
    found = calibration_data(images, net(), pixels=pixels)
    np.testing.assert_allclose([row.mean() for (row,) in found.inputs], [low, high], atol=1e-5)
    with pytest.raises(UsageError, match=r"which numbers did the training make of them(.|\n)*--pixels imagenet"):
        calibration_data(images, net())


def test_channel_means_need_their_channels() -> None:
    assert len(PIXELS["imagenet"][0]) == 3
    with pytest.raises(UsageError, match="is for 3 channels"):
        calibration_data(np.zeros((2, 4, 5, 2), np.uint8), net(1, 4, 5, 2), pixels="imagenet")


@pytest.mark.parametrize(
    "source, message",
    [
        ("missing.npz", "missing.npz does not exist"),
        ("missing", "which does not exist"),
        (5, "of type int"),
        ([], "hold no sample"),
        (np.zeros((0, 4, 5, 3), np.float32), "0"),
        (np.zeros((2, 4, 4, 3), np.float32), r"samples of shape \[4, 4, 3\]; 'image' is \[1, 4, 5, 3\]"),
        (np.zeros((2, 5, 4, 3), np.float32), "moveaxis"),
        (np.zeros((2, 4, 5, 3), np.int16), "samples are int16; float32 expected"),
        (np.zeros((2, 4, 5, 3), np.int8), "samples are int8; float32 expected"),
        (np.full((2, 4, 5, 3), np.nan, np.float32), "NaN or infinity"),
        ([(BATCH[0], 1, 2)], "3 parts"),
    ],
)
def test_refusals(source: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        calibration_data(source, net())


def test_damaged_files(tmp_path: Path) -> None:
    for name in ("a.npz", "a.npy", "a.txt"):
        (tmp_path / name).write_bytes(b"no array")
        with pytest.raises(UsageError, match=name):
            calibration_data(tmp_path / name, net())
    np.savez(tmp_path / "b.npz", images=BATCH)
    with pytest.raises(UsageError, match="has no array x; it holds images"):
        calibration_data(tmp_path / "b.npz", net())
    np.savez(tmp_path / "c.npz", x=BATCH, y=np.zeros(2, int))
    with pytest.raises(UsageError, match=r"6 samples, but labels int64\[2\]"):
        calibration_data(tmp_path / "c.npz", net())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes, cat (dark) and dog (bright), twice as large as the input."""
    image = pytest.importorskip("PIL.Image")
    for value, name in ((10, "cat"), (200, "dog")):
        (tmp_path / name).mkdir()
        for number, suffix in enumerate((".png", ".JPG")):
            pixels = np.full((8, 10, 3), value + number, np.uint8)
            image.fromarray(pixels).save(tmp_path / name / f"{number}{suffix}")
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_a_folder_of_images(folder: Path) -> None:
    found = calibration_data(folder, net(), pixels="0..255")
    assert [round(float(row.mean())) for (row,) in found.inputs] == [10, 11, 200, 201]
    assert found.labels is not None and found.labels.tolist() == [0, 0, 1, 1]
    grey = calibration_data(folder / "dog", net(1, 4, 5, 1), pixels="0..255", limit=1)
    assert grey.inputs[0][0].shape == (1, 4, 5, 1) and grey.labels is None


def test_folders_that_will_not_do(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="pixels of 0 to 255"):
        calibration_data(folder, net())
    with pytest.raises(UsageError, match=r"\[1, H, W, 1 or 3\] expected"):
        calibration_data(folder, net(1, 8), pixels="0..1")
    with pytest.raises(UsageError, match="has 2 inputs"):
        calibration_data(folder, two_inputs(), pixels="0..1")
    (folder / "cat" / "0.png").write_bytes(b"damaged")
    with pytest.raises(UsageError, match=r"0\.png is not an image that Pillow can read"):
        calibration_data(folder, net(), pixels="0..1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no image"):
        calibration_data(tmp_path / "empty", net(), pixels="0..1")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"needs Pillow(.|\n)*install pillow"):
        calibration_data(folder, net(), pixels="0..1")


def test_objects_are_no_numbers() -> None:
    with pytest.raises(UsageError, match="an array: samples"):
        calibration_data(np.array([None, None]), net())
