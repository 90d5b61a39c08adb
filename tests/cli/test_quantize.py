"""quantize and compare on the command line, and float models in build, plan, check and test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.commands import small_graph, write_model
from tests.cli.conftest import Command
from tests.quantizer.nets import classifier, samples
from tinyml import pipeline

on_host = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
REPORT = ["output", "report", "model", "model_sha256", "samples", "data", "output_sqnr_db", "trial", "trials"]
REPORT += ["weights_bytes", "tensors", "worst", "warnings"]
TENSOR = ["name", "op", "shape", "low", "high", "kept_low", "kept_high", "scale", "zero_point", "observer"]
TENSOR += ["saturated", "sqnr_db", "alone_db", "channel_spread", "greatest_channel"]
COMPARE = ["samples", "sqnr_db", "greatest_difference", "top1_agreement", "accuracy_a", "accuracy_b", "layers"]


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A float classifier."""
    return write_model(tmp_path / "real.tflite", classifier())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Float samples with labels."""
    path = tmp_path / "samples.npz"
    np.savez(path, x=np.concatenate([row[0] for row in samples(classifier(), 12)]), y=np.arange(12) % 5)
    return path


def test_quantize_and_compare(tinyml: Command, real: Path, data: Path) -> None:
    answer = tinyml("quantize", real, "--data", data, "-o", "q.tflite", "--report", "q.json", "--json")
    facts = answer.facts
    assert answer.code == 0 and answer.err == "" and facts["command"] == "quantize" and facts["version"] == 1
    assert set(REPORT) <= set(facts) and set(TENSOR) <= set(facts["tensors"][0])
    assert json.loads(Path("q.json").read_text()) == facts
    assert facts["output"] == "q.tflite" and facts["output_sqnr_db"] > 25
    assert pipeline.load("q.tflite").inputs[0].dtype.value == "int8"
    answer = tinyml("compare", real, "q.tflite", "--data", data, "--json")
    facts = answer.facts
    assert answer.code == 0 and set(COMPARE) <= set(facts)
    assert facts["samples"] == 12 and facts["sqnr_db"] > 25 and 0 <= facts["accuracy_a"] <= 1
    assert {"image", "logits", "scores"} <= {layer["name"] for layer in facts["layers"]}
    assert tinyml("compare", real, real, "--data", data, "--json").facts["sqnr_db"] is None


def test_as_tables(tinyml: Command, real: Path, data: Path) -> None:
    answer = tinyml("quantize", real, "--data", data, "--report", "q.html", "--observer", "minmax", "--samples", "6")
    assert answer.code == 0 and "what costs most" in answer.out and "written to real_int8.tflite" in answer.out
    assert "logits" in Path("q.html").read_text()
    answer = tinyml("compare", real, "real_int8.tflite", "--data", data)
    assert answer.code == 0 and "same greatest output" in answer.out and "accuracy of real_int8.tflite" in answer.out
    assert sorted(path.name for path in Path().iterdir()) == ["q.html", "real_int8.tflite"]


def test_refusals(tinyml: Command, real: Path, data: Path, model: Path) -> None:
    without = tinyml("quantize", real)
    assert without.code == 2 and "needs calibration data" in without.err and "--data random" in without.err
    assert tinyml("quantize", real, "--data", data, "--report", "q.txt").code == 2
    assert tinyml("quantize", real, "--data", data, "-o", data / "q.tflite").code == 2  # a file is no directory
    already = tinyml("quantize", model, "--data", "random")
    assert already.code == 3 and "only float models are quantized" in already.err
    other = tinyml("compare", real, model, "--data", data)
    assert other.code == 2 and "other shapes" in other.err
    assert not list(Path().iterdir())


def test_float_models_say_what_to_run(tinyml: Command, real: Path) -> None:
    for command in ("plan", "check", "build", "test"):
        answer = tinyml(command, real, "--board", "host")
        assert answer.code == 3
        assert f"tinyml quantize {real} --data SAMPLES -o real_int8.tflite, or --calibrate SAMPLES" in answer.err


def test_plan_quantizes_on_the_way(tinyml: Command, real: Path, data: Path) -> None:
    answer = tinyml("plan", real, "--board", "host", "--calibrate", data, "--json")
    assert answer.code == 0 and answer.facts["macs"] > 0
    assert tinyml("plan", real, "--board", "host", "--calibrate", "random").code == 0


@on_host
def test_test_quantizes_on_the_way(tinyml: Command, real: Path, data: Path) -> None:
    """TFLM, where it is installed, runs the same int8 model."""
    answer = tinyml("test", real, "--board", "host", "--calibrate", data, "--data", data, "--json")
    facts = answer.facts
    assert answer.code == 0 and facts["bit_exact"] is True and facts["samples"] == 12
    assert facts["accuracy"] == facts["reference_accuracy"] is not None
    built = tinyml("build", real, "--board", "host", "--calibrate", data, "-o", "out", "--json")
    assert built.code == 0 and built.facts["input"]["dtype"] == "int8"


def test_an_int8_model_does_not_look_at_calibration(tinyml: Command, model: Path) -> None:
    answer = tinyml("plan", model, "--board", "host", "--calibrate", "missing.npz", "--json")
    assert answer.code == 0 and answer.facts["macs"] == small_graph().macs


def test_pareto_of_a_float_model(tinyml: Command, real: Path, data: Path) -> None:
    facts = tinyml("check", real, "--board", "host", "--pareto", "--calibrate", data, "--json").facts
    assert facts["fits"] and facts["boards"][0]["pareto"]


def test_precision_by_layer(tinyml: Command, real: Path, data: Path) -> None:
    precision = ("--equalization", "off", "--int16", "stem", "--int4", "log*", "--int4", "pointwise")
    answer = tinyml("quantize", real, "--data", data, "-o", "q.tflite", *precision, "--json")
    layers = {row["name"]: (row["weights"], row["activation"]) for row in answer.facts["layers"]}
    assert answer.code == 0 and layers["stem"] == ("int8", "int16") and layers["logits"] == ("int4", "int8")
    assert {"name", "op", "weights", "activation", "weights_bytes", "int4_db", "int16_db"} == set(
        answer.facts["layers"][0]
    )
    types = {tensor.dtype.value for tensor in pipeline.load("q.tflite").tensors}
    assert {"int4", "int8", "int16", "int32", "int64"} == types
    shown = tinyml("quantize", real, "--data", data, "-o", "q.tflite", *precision)
    assert "int16 besides" in shown.out and "alone int4" in shown.out


def test_budgets(tinyml: Command, real: Path, data: Path, model: Path) -> None:
    answer = tinyml("quantize", real, "--data", data, "-o", "q.tflite", "--flash-budget", "500", "--json")
    assert answer.code == 0 and answer.facts["weights_bytes"] <= 500
    assert tinyml("quantize", real, "--data", data, "-o", "q.tflite", "--flash-budget", "50").code == 1
    too_much = tinyml("quantize", real, "--data", data, "-o", "q.tflite", "--min-sqnr", "300")
    assert too_much.code == 1 and "int16 wherever it can be" in too_much.err
    ignored = tinyml("plan", model, "--board", "host", "--flash-budget", "50")
    assert ignored.code == 2 and "add --calibrate" in ignored.err


@on_host
def test_test_of_mixed_precision(tinyml: Command, real: Path, data: Path) -> None:
    calibrating = ("--calibrate", data, "--int4", "pointwise", "--int16", "stem")
    facts = tinyml("test", real, "--board", "host", *calibrating, "--data", data, "--json").facts
    assert facts["bit_exact"] is True and facts["samples"] == 12
