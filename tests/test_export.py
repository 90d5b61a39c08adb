"""Exported files: the same bytes in TensorFlow Lite Micro, and with patches a smaller arena, exactly as stated."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import INT8_MODELS, shared_model
from tests.networks import large_image_net, mobilenet_v2
from tests.random_graphs import random_graphs
from tests.samples import int8_samples
from tests.tflm import run_tflm_many
from tinyml import interpreter, pipeline
from tinyml.errors import CheckError, UnsupportedError, UsageError
from tinyml.exporters.patch_search import Patching
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Graph
from tinyml.profiler.reference import tflm_arena_bytes, tflm_available

ROOT = Path(__file__).resolve().parents[1]

needs_tflm = pytest.mark.skipif(not tflm_available(), reason="tflite-micro is not installed")


def assert_equal(graph: Graph, file: Path, arena_bytes: int = 8 << 20, count: int = 6) -> None:
    """The interpreter on the file, and TFLM in an arena of that size, give the graph's bytes."""
    again, samples = pipeline.load(file), int8_samples(graph, count)
    for sample, received in zip(samples, run_tflm_many(file.read_bytes(), samples, arena_bytes), strict=True):
        (expected,) = interpreter.run(graph, sample)
        np.testing.assert_array_equal(received[0], expected)
        np.testing.assert_array_equal(interpreter.run(again, sample)[0], expected)


def runs_in(file: Path, arena_bytes: int) -> bool:
    """In a process of its own: TFLM may die in an arena that is too small."""
    program = f"from tests.tflm import run_tflm_many as run; run(open({str(file)!r}, 'rb').read(), [], {arena_bytes})"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=False).returncode == 0


def exported(graph: Graph, file: Path) -> Patching:
    """Patched, in a file that runs in the arena stated, and in none that is 16 bytes smaller."""
    patching = pipeline.export(graph, file, patched=True)
    assert patching is not None and graph.macs <= patching.graph.macs <= 1.5 * graph.macs
    assert_equal(graph, file, patching.arena_bytes)
    assert not runs_in(file, patching.arena_bytes - 16)
    return patching


@needs_tflm
@pytest.mark.parametrize("name", INT8_MODELS)
def test_plain(name: str, tmp_path: Path) -> None:
    graph, file = pipeline.load(shared_model(name)), tmp_path / "plain.tflite"
    assert pipeline.export(graph, file) is None
    assert_equal(graph, file, count=3)


@needs_tflm
@pytest.mark.parametrize("name, share", [("mcunet_vww_80", 0.65), ("vww_96_int8", 0.9)])
def test_patches_of_models(name: str, share: float, tmp_path: Path) -> None:
    """Smaller than the plain export, and than the file that the model came from."""
    model = shared_model(name)
    patching = exported(pipeline.load(model), tmp_path / "patched.tflite")
    assert patching.layers and patching.arena_bytes < share * patching.plain_arena_bytes
    assert patching.arena_bytes < share * tflm_arena_bytes(name, model.read_bytes())


@needs_tflm
def test_patches_of_a_network_with_residual_blocks(tmp_path: Path) -> None:
    patching = exported(large_image_net(), tmp_path / "patched.tflite")
    assert patching.layers and patching.arena_bytes < 0.9 * patching.plain_arena_bytes


@needs_tflm
def test_arenas_in_which_tflm_dies_are_too_small(tmp_path: Path) -> None:
    """Some of these end TFLM's process on the way to the smallest arena that works."""
    for graph in random_graphs(11, 26):
        data = to_tflite(graph)
        if graph.name in ("graph_11_14", "graph_11_20", "graph_11_25"):
            (tmp_path / "model.tflite").write_bytes(data)
            arena = tflm_arena_bytes(graph.name, data)
            assert runs_in(tmp_path / "model.tflite", arena) and not runs_in(tmp_path / "model.tflite", arena - 16)


@needs_tflm
def test_no_patches_where_none_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyml.exporters.patch_search.MEASURED", 1)
    graph, file = mobilenet_v2(0.35, 16, 4), tmp_path / "plain.tflite"
    patching = exported(graph, file)
    assert patching.layers == 0 and patching.arena_bytes == patching.plain_arena_bytes
    pipeline.export(graph, tmp_path / "other.tflite")
    assert file.read_bytes() == (tmp_path / "other.tflite").read_bytes()


@needs_tflm
def test_a_difference_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that answers with another network."""
    graph, other = mobilenet_v2(0.35, 16, 4), mobilenet_v2(0.5, 16, 4)
    wrong = Patching(other, 3, 2, 2, 1000, 2000)
    monkeypatch.setattr("tinyml.exports.best_patching", lambda *_: wrong)
    with pytest.raises(CheckError, match="differs from TensorFlow Lite Micro"):
        pipeline.export(graph, tmp_path / "wrong.tflite", patched=True)
    assert not list(tmp_path.iterdir())


def test_patches_take_tflm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyml.profiler.reference.tflm_available", lambda: False)
    with pytest.raises(UsageError, match="takes TensorFlow Lite Micro") as failure:
        pipeline.export(mobilenet_v2(0.35, 16, 4), tmp_path / "patched.tflite", patched=True)
    assert "pip install tflite-micro" in failure.value.hint
    assert not list(tmp_path.iterdir())


def test_files_that_are_refused(tmp_path: Path) -> None:
    graph = mobilenet_v2(0.35, 16, 4)
    with pytest.raises(UsageError, match=r"does not end in \.tflite") as failure:
        pipeline.export(graph, tmp_path / "model.onnx")
    assert failure.value.hint.endswith("model.tflite")
    (tmp_path / "folder.tflite").mkdir()
    with pytest.raises(UsageError, match="is a directory"):
        pipeline.export(graph, tmp_path / "folder.tflite")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot write"):
        pipeline.export(graph, tmp_path / "file" / "model.tflite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.tflite"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, file = mobilenet_v2(0.35, 16, 4), tmp_path / "model.tflite"
    file.write_bytes(b"old")

    def refused(_: Graph) -> bytes:
        raise UnsupportedError("no")

    with monkeypatch.context() as context:
        context.setattr("tinyml.exports.to_tflite", refused)
        with pytest.raises(UnsupportedError):
            pipeline.export(graph, file)
    assert file.read_bytes() == b"old"
    pipeline.export(graph, file)
    assert file.read_bytes()[4:8] == b"TFL3" and list(tmp_path.iterdir()) == [file]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, file = mobilenet_v2(0.35, 16, 4), tmp_path / "model.tflite"
    file.write_bytes(b"old")
    honest = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        honest(path, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match="No space left on device"):
        pipeline.export(graph, file)
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]
