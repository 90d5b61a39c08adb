"""--input-shape NAME=SIDES for models that leave sides free."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="onnx is not installed")

from tests.cli.conftest import Command
from tests.importers.onnx_files import model as onnx_model
from tests.importers.onnx_files import node, weights

on_host = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
SHAPE = ("--input-shape", "x=1,3,6,8")


@pytest.fixture
def free(tmp_path: Path) -> Path:
    """A convolution of images of any size."""
    nodes = [node("Conv", ["x", "w"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])]
    path = tmp_path / "free.onnx"
    shape = {"x": ("N", 3, "height", "width")}
    path.write_bytes(onnx_model(nodes, shape, {"w": weights(4, 3, 3, 3)}).SerializeToString())
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.random.default_rng(0).normal(size=(4, 6, 8, 3)).astype(np.float32), y=np.arange(4))
    return path


@on_host
def test_every_command_takes_it(tinyml: Command, free: Path, data: Path, tmp_path: Path) -> None:
    made = ("--board", "host", "--calibrate", data, *SHAPE, "--json")
    for command in ("plan", "check"):
        assert tinyml(command, free, *made).code == 0
    verdict = tinyml("test", free, *made, "--data", data).facts
    assert verdict["bit_exact"] is True and verdict["float_accuracy"] is not None
    built = tinyml("build", free, *made, "--test", "-o", "out").facts
    assert built["input"]["shape"] == [1, 6, 8, 3] and Path(built["tflite"]).read_bytes()[4:8] == b"TFL3"
    assert tinyml("quantize", free, "--data", data, *SHAPE, "-o", "q.tflite").code == 0
    exported = tinyml("export", free, *SHAPE, "--format", "tflite", "-o", "e.tflite")
    assert exported.code == 3 and "is a float model" in exported.err  # read with the shape, but float


def test_as_a_setting(tinyml: Command, free: Path, data: Path) -> None:
    Path("tinyml.toml").write_text('input_shape = ["x=1,3,6,8"]\n')
    assert tinyml("plan", free, "--board", "host", "--calibrate", data).code == 0


@pytest.mark.parametrize(
    "stated, said",
    [
        ((), "--input-shape 'x'=1,3,96,96"),
        (("x",), "'x' is not NAME=SIDES"),
        (("=1,3,6,8",), "is not NAME=SIDES"),
        (("x=1,3,0,8",), "is not NAME=SIDES"),
        (("x=1,3,6,",), "is not NAME=SIDES"),
        (("x=1,3,6,8", "x=1,3,6,8"), "'x' is stated twice"),
        (("z=1,3,6,8",), "no input is called 'z'"),
        (("x=1,4,6,8",), "which the file states as"),
    ],
)
def test_refusals(tinyml: Command, free: Path, stated: tuple[str, ...], said: str) -> None:
    arguments = [part for text in stated for part in ("--input-shape", text)]
    answer = tinyml("plan", free, "--board", "host", "--calibrate", "random", *arguments)
    assert answer.code == (3 if not stated else 2) and said in answer.err, answer.err


def test_other_formats_state_theirs(tinyml: Command, model: Path) -> None:
    answer = tinyml("plan", model, "--board", "host", *SHAPE)
    assert answer.code == 2 and "for .onnx files" in answer.err
