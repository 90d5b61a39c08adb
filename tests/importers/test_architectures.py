"""Whole networks of many families through both roads into the Graph, against PyTorch and onnxruntime.

Float outputs agree within 1e-4 of the output's range (largest difference over largest minus smallest value), before
and after the passes, and no transpose is left but those that the table states.
"""

from __future__ import annotations

import io
import logging
import warnings
from functools import cache

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

import onnxruntime
import torch

from tests.architectures import ARCHITECTURES, architecture
from tinyml.importers.from_onnx import import_onnx
from tinyml.importers.from_torch import import_pt2, import_torch
from tinyml.importers.nchw_source import Imported
from tinyml.interpreter import run
from tinyml.ir import Array
from tinyml.passes import optimize

TOLERANCE = 1e-4  # of the output's range
torch.set_num_threads(1)
logging.getLogger("torch.__trace").propagate = False  # what pytest would otherwise capture, thousands of lines


@cache
def exported(name: str) -> bytes:
    """The network as ONNX."""
    network, sample = architecture(name)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (sample,), file, dynamo=False, opset_version=17)
    return file.getvalue()


def check(imported: Imported, sample: Array, expected: list[Array]) -> None:
    (port,) = imported.inputs
    for graph in (imported.graph, optimize(imported.graph)):
        found = run(graph, [port.to_graph(sample)])
        assert len(found) == len(expected)
        for output, ours, theirs in zip(imported.outputs, found, expected, strict=True):
            meant = output.to_graph(theirs)
            assert ours.shape == meant.shape
            assert np.abs(ours - meant).max() <= TOLERANCE * np.ptp(meant)


def check_moves(name: str, imported: Imported) -> None:
    kept = [node for node in optimize(imported.graph).nodes if node.op.kind == "transpose"]
    assert len(kept) == len(imported.moves) == ARCHITECTURES[name][2], imported.report()


def torch_outputs(network: torch.nn.Module, sample: torch.Tensor) -> list[Array]:
    with torch.no_grad():
        outputs = network(sample)
    return [tensor.numpy() for tensor in (outputs if isinstance(outputs, tuple) else (outputs,))]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_through_torch_export(name: str) -> None:
    network, sample = architecture(name)
    imported = import_torch(network, (sample,), name)
    check(imported, sample.numpy(), torch_outputs(network, sample))
    check_moves(name, imported)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_through_onnx(name: str) -> None:
    data = exported(name)
    _, sample = architecture(name)
    session = onnxruntime.InferenceSession(data)
    imported = import_onnx(data, name)
    check(imported, sample.numpy(), session.run(None, {session.get_inputs()[0].name: sample.numpy()}))
    check_moves(name, imported)


@pytest.mark.parametrize("name", ["mobilenet_v3", "temporal_net", "unet_bilinear"])
def test_through_pt2_files(name: str) -> None:
    network, sample = architecture(name)
    program = torch.export.export(network, (sample,))
    for stage in (program, program.run_decompositions(torch.export.default_decompositions())):
        file = io.BytesIO()
        torch.export.save(stage, file)
        imported = import_pt2(file.getvalue(), name)
        check(imported, sample.numpy(), torch_outputs(network, sample))
        check_moves(name, imported)


@pytest.mark.parametrize("name", ["mobilenet_v3", "shufflenet", "temporal_net", "yolo_head"])
def test_through_the_newer_onnx_exporter(name: str) -> None:
    """It takes seconds for a network, so they are few."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    network, sample = architecture(name)
    program = torch.onnx.export(network, (sample,), dynamo=True, external_data=False, verbose=False)
    file = io.BytesIO()
    program.save(file)
    imported = import_onnx(file.getvalue(), name)
    check(imported, sample.numpy(), torch_outputs(network, sample))
    check_moves(name, imported)
