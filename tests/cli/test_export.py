"""tinyml export: facts, the line of text, exit codes, and nothing half-written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.cli.commands import write_model, write_unsupported
from tests.cli.conftest import Command
from tests.networks import large_image_net
from tinyml.profiler.reference import tflm_available

needs_tflm = pytest.mark.skipif(not tflm_available(), reason="tflite-micro is not installed")
KEYS = ["model", "model_sha256", "format", "file", "file_bytes", "file_sha256", "macs", "macs_executed", "patching"]


def test_plain(tinyml: Command, model: Path) -> None:
    answer = tinyml("export", model, "--format", "tflite", "-o", "out/plain.tflite", "--json")
    facts, data = answer.facts, Path("out/plain.tflite").read_bytes()
    assert answer.code == 0 and answer.err == "" and facts["command"] == "export"
    assert set(KEYS) <= set(facts) and facts["patching"] is None and facts["macs"] == facts["macs_executed"]
    assert (facts["file_bytes"], facts["file_sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert facts["input"] == facts["inputs"][0] and facts["outputs"]
    assert tinyml("plan", "out/plain.tflite", "--board", "host").code == 0


@needs_tflm
def test_patched(tinyml: Command, tmp_path: Path) -> None:
    model = write_model(tmp_path / "net.tflite", large_image_net())
    facts = tinyml("export", model, "--format", "tflite", "--patched", "-o", "patched.tflite", "--json").facts
    patching = facts["patching"]
    assert patching["smaller"] is True and patching["layers"] > 0 and patching["rows"] * patching["columns"] > 1
    assert patching["arena_bytes"] < patching["plain_arena_bytes"]
    assert facts["macs"] < facts["macs_executed"] <= 1.5 * facts["macs"]


@needs_tflm
def test_no_patches_where_none_help(tinyml: Command, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyml.exporters.patch_search.MEASURED", 1)
    arguments = ("export", model, "--format", "tflite", "--patched", "-o", "out.tflite")
    answer = tinyml(*arguments)
    assert answer.code == 0 and "plain: no patches need a smaller arena than" in answer.out
    patching = tinyml(*arguments, "--json").facts["patching"]
    assert (
        patching["smaller"] is False and patching["layers"] == 0 and (patching["rows"], patching["columns"]) == (1, 1)
    )
    assert patching["arena_bytes"] == patching["plain_arena_bytes"] > 0


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("-o", "out.tflite"), "--format"),
        (("--format", "tflite"), "--file"),
        (("--format", "caffe", "-o", "out.tflite"), "'caffe' is not one of 'tflite', 'tflm', 'onnx'"),
        (("--format", "onnx", "-o", "out.tflite"), "try: out.onnx"),
        (("--format", "onnx", "-o", "out.onnx", "--patched"), "--patched is for TensorFlow Lite Micro"),
        (("--format", "tflite", "-o", "out.bin"), "try: out.tflite"),
        (("--format", "tflite", "-o", "out.tflite", "--max-recompute", "1.5"), "try: add --patched"),
        (("--format", "tflite", "-o", "out.tflite", "--patched", "--max-recompute", "0.5"), "--max-recompute"),
        (
            ("--format", "tflite", "-o", "out.tflite", "--patched", "--max-recompute", "nan"),
            "nan is not a finite number",
        ),
        (("--format", "tflite", "-o", "."), "does not end in .tflite"),
    ],
)
def test_usage(tinyml: Command, model: Path, place: Path, arguments: tuple[str, ...], said: str) -> None:
    answer = tinyml("export", model, *arguments)
    assert answer.code == 2 and said in answer.err
    assert not list(place.iterdir())


def test_a_setting_bounds_patches_alone(tinyml: Command, model: Path) -> None:
    Path("tinyml.toml").write_text("max_recompute = 1.2\n")
    assert tinyml("export", model, "--format", "tflite", "-o", "out.tflite").code == 0


def test_the_model_itself_is_not_overwritten(tinyml: Command, model: Path) -> None:
    before = model.read_bytes()
    answer = tinyml("export", model, "--format", "tflite", "-o", model)
    assert answer.code == 2 and "is the model itself" in answer.err and model.read_bytes() == before


FORMATS = ("tflite", pytest.param("tflm", marks=needs_tflm), "onnx")


def test_onnx(tinyml: Command, model: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    facts = tinyml("export", model, "--format", "onnx", "-o", "out.onnx", "--json").facts
    data = Path("out.onnx").read_bytes()
    assert set(KEYS) <= set(facts) and facts["format"] == "onnx" and facts["patching"] is None
    assert (facts["file_bytes"], facts["file_sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert tinyml("plan", "out.onnx", "--board", "host").code == 0


@needs_tflm
def test_an_edited_bundle_is_replaced_by_force_only(tinyml: Command, model: Path) -> None:
    arguments = ("export", model, "--format", "tflm", "-o", "bundle")
    assert tinyml(*arguments).code == 0
    source = Path("bundle/main.cc")
    source.write_text("// mine")
    answer = tinyml(*arguments)
    assert answer.code == 2 and "main.cc, edited since" in answer.err and source.read_text() == "// mine"
    assert tinyml(*arguments, "--force").code == 0 and source.read_text() != "// mine"


@needs_tflm
def test_tflm(tinyml: Command, model: Path) -> None:
    arguments = ("export", model, "--format", "tflm", "-o", "bundle")
    facts = tinyml(*arguments, "--json").facts
    assert set(KEYS) <= set(facts) and facts["operators"] == ["CONV_2D"] and facts["arena_bytes"] > 0
    assert facts["files"] == sorted(path.name for path in Path("bundle").iterdir())
    assert f"{facts['arena_bytes']:,} of arena, as measured here, in bundle" in tinyml(*arguments).out


@pytest.mark.parametrize("kind", FORMATS)
def test_a_float_model_is_quantized_on_the_way(kind: str, tinyml: Command, tmp_path: Path, place: Path) -> None:
    model, target = tmp_path / "net.onnx", {"tflite": "out.tflite", "tflm": "bundle", "onnx": "out.onnx"}[kind]
    helper = pytest.importorskip("tests.importers.onnx_files", reason="onnx or onnxruntime is not installed")
    model.write_bytes(helper.small_network().SerializeToString())
    refused = tinyml("export", model, "--format", kind, "-o", target)
    assert refused.code == 3 and "--calibrate SAMPLES" in refused.err and not list(place.iterdir())
    answer = tinyml("export", model, "--format", kind, "-o", target, "--calibrate", "random", "--json")
    assert answer.code == 0 and answer.facts["input"]["dtype"] == "int8"
    written = f"{target}/net.tflite" if kind == "tflm" else target
    assert tinyml("plan", written, "--board", "host").code == 0


def test_unsupported_op(tinyml: Command, tmp_path: Path, place: Path) -> None:
    model = write_unsupported(tmp_path / "cos.tflite")
    answer = tinyml("export", model, "--format", "tflite", "-o", "out.tflite", "--json")
    assert answer.code == 3 and answer.facts["error"]["exit_code"] == 3 and not list(place.iterdir())


def test_without_tflm(tinyml: Command, model: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyml.profiler.reference.tflm_available", lambda: False)
    answer = tinyml("export", model, "--format", "tflite", "-o", "out.tflite", "--patched")
    assert answer.code == 2 and "pip install tflite-micro" in answer.err and not list(place.iterdir())
    assert tinyml("export", model, "--format", "tflite", "-o", "out.tflite").code == 0


def test_a_model_that_tflm_does_not_run(
    tinyml: Command, model: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinyml.exports.to_tflite", lambda graph: b"no model")
    answer = tinyml("export", model, "--format", "tflite", "-o", "out.tflite", "--patched")
    assert answer.code == 1 and "does not run this model" in answer.err and "try: " in answer.err
    assert not list(place.iterdir())
