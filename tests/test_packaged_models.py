"""Trained networks out of Python packages, end to end: the framework's outputs, int8, bytes on an emulated board."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packaged_models import FOLDER, MODELS, PackagedModel, import_error
from tinyml import pipeline
from tinyml.ir import Graph
from tinyml.quantizer import quantize
from tinyml.samples import made_up_samples

needs_board = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)
BOARD = "qemu_mps2_an386"
TOLERANCE = 1e-5  # of an output's range


def located(model: PackagedModel) -> Path:
    path = model.path()
    if path is None:
        pytest.skip(f"{model.package} is not installed, nor unpacked in {FOLDER}")
    for framework in {"pt": ["torch"], "onnx": ["onnx", "onnxruntime"]}.get(path.suffix[1:], []):
        pytest.importorskip(framework, reason=f"{framework} is not installed")
    return path


def int8(model: PackagedModel, path: Path) -> Graph:
    graph = model.read(path)
    return quantize(graph, model.inputs(graph, 2), observer="minmax", equalization="off", bias_correction="off")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_computes_what_its_framework_computes(model: PackagedModel) -> None:
    path = located(model)
    assert import_error(model, path, model.read(path), 2) < TOLERANCE


@needs_board
@pytest.mark.board
@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_bit_exact_on_a_board(model: PackagedModel, tmp_path: Path) -> None:
    path = located(model)
    graph = int8(model, path)
    firmware = pipeline.build(pipeline.plan(graph, BOARD), tmp_path / "firmware")
    verdict = pipeline.test(firmware, graph, graph, made_up_samples(graph, 1))
    assert verdict.bit_exact and verdict.peak_sram_bytes <= verdict.predicted_sram_bytes
