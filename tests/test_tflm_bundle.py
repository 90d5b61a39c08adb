"""Bundles for TensorFlow Lite Micro: what is in them, and against a TFLM tree (TFLM_DIR) that they build and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.importers.tflite_files import case
from tests.networks import large_image_net, mobilenet_v2
from tests.op_cases import CASES
from tests.op_graphs import activation, one_node
from tests.samples import int8_samples
from tests.test_export import runs_in
from tinyml import interpreter, pipeline
from tinyml.errors import UnsupportedError, UsageError
from tinyml.exporters.tflm_ops import METHODS, operator_names, resolver_methods
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Activation, Graph
from tinyml.ops import Relu
from tinyml.profiler.reference import tflm_available
from tinyml.tflm_bundle import make_bundle, write_bundle

needs_tflm = pytest.mark.skipif(not tflm_available(), reason="tflite-micro is not installed")
TREE = os.environ.get("TFLM_DIR", "")
needs_tree = pytest.mark.skipif(not TREE, reason="TFLM_DIR names no tree of TensorFlow Lite Micro with its library")


def network() -> Graph:
    return mobilenet_v2(0.35, 16, 4)


def stated_operators(model: bytes) -> set[str]:
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    return {names[code.builtinCode] for code in schema.ModelT.InitFromPackedBuf(model, 0).operatorCodes}


@pytest.mark.parametrize("kind", sorted(CASES))
def test_operators_are_those_of_the_file(kind: str) -> None:
    for seed in range(5):
        graph = case(kind, seed)
        assert set(operator_names(graph)) == stated_operators(to_tflite(graph)) <= {*METHODS, "GELU", "RELU_N1_TO_1"}


def test_an_operator_that_tflm_lacks() -> None:
    rng = np.random.default_rng(0)
    image = activation(rng, "image", (1, 4, 4, 2))
    graph = one_node(Relu(Activation.RELU_N1_TO_1), [image], [image.affine])
    with pytest.raises(UnsupportedError, match="no kernel for RELU_N1_TO_1"):
        resolver_methods(graph)
    with pytest.raises(UnsupportedError, match="no kernel for RELU_N1_TO_1"):
        pipeline.export_tflm(graph, "nowhere")
    assert not Path("nowhere").exists()


@needs_tflm
def test_what_is_in_a_bundle(tmp_path: Path) -> None:
    graph = network()
    bundle, patching = pipeline.export_tflm(graph, tmp_path / "bundle")
    name, files = bundle.name, {path.name: path for path in (tmp_path / "bundle").iterdir()}
    assert patching is None and set(files) == set(bundle.files)
    model = files[f"{name}.tflite"].read_bytes()
    assert model == bundle.model == to_tflite(graph)

    (body,) = re.findall(r"\{(.*)\}", files[f"{name}_model.cc"].read_text(), re.DOTALL)
    assert bytes(map(int, body.replace(",", " ").split())) == model
    header, ops = files[f"{name}_model.h"].read_text(), files[f"{name}_ops.h"].read_text()
    assert f"{name}_model_bytes = {len(model)};" in header and f"{name}_arena_bytes = {bundle.arena_bytes};" in header
    methods = re.findall(r"ops\.(\w+)\(\)", ops)
    assert sorted(methods) == sorted(METHODS[operator] for operator in stated_operators(model))
    assert f"MicroMutableOpResolver<{len(methods)}>" in ops
    assert runs_in(files[f"{name}.tflite"], bundle.arena_bytes)
    assert not runs_in(files[f"{name}.tflite"], bundle.arena_bytes - 16)
    longest = [path.name for path in files.values() if path.suffix in (".h", ".cc") if _width(path) > 120]
    assert not longest


def _width(path: Path) -> int:
    return max(map(len, path.read_text().splitlines()))


@needs_tflm
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
@pytest.mark.parametrize("name", ["class", "../up */ \n int main(", "", "main", "9 lives", "\ud800??/"])
def test_names(name: str, tmp_path: Path) -> None:
    """Of any model they make identifiers, file names and comments that compile."""
    graph = replace(network(), name=name)
    bundle = make_bundle(graph, to_tflite(graph), 1000)
    assert re.fullmatch("[A-Za-z][A-Za-z0-9_]*", bundle.name)
    assert all(re.fullmatch(r"[A-Za-z0-9_]+(\.[a-z]+)?", file) for file in bundle.files)
    write_bundle(bundle, tmp_path)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"{bundle.name}_model.cc"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_tflm
def test_patched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyml.exporters.patch_search.MEASURED", 1)
    bundle, patching = pipeline.export_tflm(large_image_net(), tmp_path / "bundle", patched=True)
    assert patching is not None and patching.layers and bundle.arena_bytes == patching.arena_bytes
    assert bundle.arena_bytes < patching.plain_arena_bytes
    assert bundle.model == to_tflite(patching.graph) and "STRIDED_SLICE" in bundle.operators


@needs_tflm
def test_directories(tmp_path: Path) -> None:
    """A bundle is replaced, what was built in it too; anything else stays and is an error."""
    graph, place = case("add"), tmp_path / "bundle"
    for _ in range(2):
        pipeline.export_tflm(graph, place)
        (place / "build").mkdir()
        (place / "build" / "main.o").write_bytes(b"")
    (place / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.txt, not made by tinyml"):
        pipeline.export_tflm(graph, place)
    assert (place / "notes.txt").read_text() == "mine" and (place / "main.cc").exists()


def test_bundles_take_tflm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyml.profiler.reference.tflm_available", lambda: False)
    with pytest.raises(UsageError, match="takes TensorFlow Lite Micro") as failure:
        pipeline.export_tflm(case("add"), tmp_path / "bundle")
    assert "pip install tflite-micro" in failure.value.hint and not list(tmp_path.iterdir())


@needs_tflm
@needs_tree
def test_a_tree_builds_and_runs_it(tmp_path: Path) -> None:
    graph, place = network(), tmp_path / "bundle"
    bundle, _ = pipeline.export_tflm(graph, place)
    done = subprocess.run(
        ["make", f"TFLM_DIR={TREE}", "CXXFLAGS=-O0 -Wall -Wextra -Werror"], cwd=place, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    samples = int8_samples(graph, 5)
    given = b"".join(array.tobytes() for sample in samples for array in sample)
    ran = subprocess.run([place / "build" / bundle.name], input=given, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    expected = [array for sample in samples for array in interpreter.run(graph, sample)]
    assert ran.stdout == b"".join(array.tobytes() for array in expected)


@needs_tree
def test_the_tree_has_every_method() -> None:
    header = Path(TREE, "tensorflow/lite/micro/micro_mutable_op_resolver.h").read_text()
    assert not [method for method in METHODS.values() if f"TfLiteStatus {method}(" not in header]
