"""quantize, compare: from a float model to an int8 one, and how far two models agree."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from tinyml import pipeline
from tinyml.cli.options import (
    input_shape_option,
    model_argument,
    pixels_option,
    precision_options,
    refuse_model,
    speaks,
)
from tinyml.cli.output import JSON_VERSION, Output, table
from tinyml.cli.setting import FilePath
from tinyml.errors import UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers import Shapes
from tinyml.output import write_file
from tinyml.passes import optimize
from tinyml.quantizer import (
    Comparison,
    Report,
    Settings,
    calibration_data,
    make_report,
    quantize_measured,
    to_html,
)
from tinyml.quantizer import (
    compare as compare_models,
)
from tinyml.quantizer.calibration import DEFAULT_LIMIT
from tinyml.quantizer.html import decibels
from tinyml.quantizer.variants import OBSERVER_NAMES, SWITCHES

_data_option = click.option(
    "--data",
    metavar="SAMPLES",
    envvar="TINYML_DATA",
    help="Real inputs: .npz with x and, if known, labels y; .npy; a folder of images; or the word random.",
)
_samples_option = click.option(
    "--samples",
    type=click.IntRange(1),
    envvar="TINYML_SAMPLES",
    default=DEFAULT_LIMIT,
    show_default=True,
    help="How many samples at most, taken evenly.",
)
_LAYERS_SHOWN = 10
_NAME_SHOWN = 56


@click.command()
@model_argument
@_data_option
@click.option("-o", "--output", type=FilePath(), help="The .tflite to write; default: MODEL_int8.tflite.")
@click.option("--report", type=FilePath(), help="Write what it cost, layer by layer: .json or .html.")
@click.option(
    "--observer", type=click.Choice(OBSERVER_NAMES), default="auto", show_default=True, help="How ranges are chosen."
)
@click.option(
    "--equalization", type=click.Choice(SWITCHES), default="auto", show_default=True, help="Cross-layer equalization."
)
@click.option(
    "--bias-correction", type=click.Choice(SWITCHES), default="auto", show_default=True, help="Means put right."
)
@click.option(
    "--dense",
    type=click.Choice(["per-channel", "per-tensor"]),
    default="per-channel",
    show_default=True,
    help="Scales of FULLY_CONNECTED weights; per-tensor for TensorFlow Lite Micro before September 2024.",
)
@precision_options
@_samples_option
@pixels_option
@input_shape_option
@speaks
def quantize(
    model: Path,
    data: str | None,
    output: Path | None,
    report: Path | None,
    observer: str,
    equalization: str,
    bias_correction: str,
    dense: str,
    precision: Mapping[str, Any],
    samples: int,
    pixels: str | None,
    shapes: Shapes,
    out: Output,
) -> None:
    """A float MODEL to an int8 .tflite, calibrated with --data."""
    if report is not None and report.suffix not in (".json", ".html"):
        raise UsageError(f"{report}: a report is .json or .html")
    target = output or Path(f"{model.stem}_int8.tflite")
    if target.suffix != ".tflite":
        raise UsageError(f"{target} does not end in .tflite", hint=f"{target.stem or 'model'}.tflite")
    refuse_model(target, model)
    graph = pipeline.read(model, shapes=shapes)
    settings = Settings(observer, equalization, bias_correction, dense == "per-channel", **precision)
    calibration = calibration_data(data, graph, samples, pixels)
    with out.progress(f"quantizing {model.name}") as progress:
        result = quantize_measured(graph, calibration, settings, progress)
    findings = make_report(result, calibration)
    write_file(target, to_tflite(optimize(result.graph)))
    facts = {"output": str(target), "report": str(report) if report else None, **findings.facts()}
    if report is not None:
        text = to_html(findings) if report.suffix == ".html" else _json_report(facts)
        write_file(report, text.encode("utf-8"))
    out.result(facts, *_report_tables(findings), f"written to {target}")


def _json_report(facts: dict[str, Any]) -> str:
    return json.dumps({"version": JSON_VERSION, "command": "quantize", **facts}, indent=2) + "\n"


def _report_tables(report: Report) -> list[Table | str]:
    rows = [
        (
            _cut(t.name),
            t.op,
            t.type,
            t.observer,
            f"{t.low:.4g} .. {t.high:.4g}",
            f"{t.kept_low:.4g} .. {t.kept_high:.4g}",
            f"{100 * t.saturated:.3f} %",
            decibels(t.alone_db),
            decibels(t.sqnr_db),
        )
        for t in report.tensors
    ]
    tensors = table("", ("tensor", "op", "type", "observer", "values", "range kept", "cut off", "alone", "SQNR"), rows)
    worst = [(_cut(w.name), decibels(w.alone_db), w.reason, w.advice) for w in report.worst]
    costs = table("what costs most", ("layer", "outputs, it alone int8", "why", "try"), worst)
    trial = report.trial
    switches = [f"equalization {_switch(trial.equalized)}", f"bias correction {_switch(trial.bias_corrected)}"]
    summary = (
        f"outputs: {decibels(report.output_sqnr_db)} signal to quantization noise over {report.data}; "
        f"observer {trial.observer}, {', '.join(switches)}"
    )
    return [tensors, costs, *_precision_tables(report), *(f"note: {line}" for line in report.warnings), summary]


def _precision_tables(report: Report) -> list[Table]:
    rows = [
        (
            _cut(layer.name),
            layer.op,
            layer.weights or "",
            str(layer.weights_bytes or ""),
            decibels(layer.int4_db),
            layer.activation,
            decibels(layer.int16_db),
        )
        for layer in report.layers
    ]
    headings = ("layer", "op", "weights", "bytes in int8", "alone int4", "activation", "int16 besides")
    return [table("precision, and the outputs' SQNR with another", headings, rows)] if rows else []


def _cut(name: str) -> str:
    """A tensor's name, short enough for a table; converters string together those of all the ops they fused."""
    return name if len(name) <= _NAME_SHOWN else f"{name[: _NAME_SHOWN - 20]}...{name[-17:]}"


def _switch(on: bool) -> str:
    return "on" if on else "off"


@click.command()
@click.argument("a", type=FilePath())
@click.argument("b", type=FilePath())
@_data_option
@_samples_option
@pixels_option
@speaks
def compare(a: Path, b: Path, data: str | None, samples: int, pixels: str | None, out: Output) -> None:
    """How far model B agrees with model A on the same real inputs. Either may be float or int8."""
    first, second = pipeline.read(a), pipeline.read(b)
    inputs = calibration_data(data, first, samples, pixels)
    with out.progress(f"comparing {a.name} and {b.name}") as progress:
        found = compare_models(first, second, inputs, progress)
    facts = asdict(found)
    facts["sqnr_db"] = _finite(found.sqnr_db)
    facts["layers"] = [{"name": layer.name, "sqnr_db": _finite(layer.sqnr_db)} for layer in found.layers]
    names = {"a": str(a), "b": str(b), "data": inputs.origin}
    out.result({**names, **facts}, *_comparison_tables(found, a, b))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _comparison_tables(found: Comparison, a: Path, b: Path) -> list[Table | str]:
    rows: list[tuple[str, object]] = [
        ("samples", found.samples),
        ("SQNR of the outputs", decibels(found.sqnr_db)),
        ("greatest difference of an output value", f"{found.greatest_difference:.6g}"),
    ]
    for text, share in (
        ("same greatest output", found.top1_agreement),
        (f"accuracy of {a.name}", found.accuracy_a),
        (f"accuracy of {b.name}", found.accuracy_b),
    ):
        rows += [(text, f"{share:.2%}")] if share is not None else []
    worst = sorted(found.layers, key=lambda layer: layer.sqnr_db)[:_LAYERS_SHOWN]
    layers = [(_cut(layer.name), decibels(layer.sqnr_db)) for layer in worst]
    return [
        table("", (f"{b.name} against {a.name}", ""), rows),
        table("layers that differ most", ("tensor", "SQNR"), layers),
    ]
