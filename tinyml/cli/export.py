"""export: the int8 graph as files for other runtimes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tinyml import pipeline
from tinyml.cli.facts import bundle_facts, bundle_line, graph_ports, patching_facts, patching_line
from tinyml.cli.options import (
    Calibrating,
    calibrating_options,
    force_option,
    load_int8,
    model_argument,
    refuse_model,
    speaks,
)
from tinyml.cli.output import Output
from tinyml.cli.setting import FilePath, Number
from tinyml.errors import UsageError
from tinyml.exporters.patch_search import MAX_RECOMPUTE, Patching
from tinyml.ir import Graph
from tinyml.output import require_replaceable
from tinyml.tflm_bundle import MARKER


@click.command()
@model_argument
@click.option(
    "--format",
    "kind",
    type=click.Choice(["tflite", "tflm", "onnx"]),
    required=True,
    help="tflite: a file; tflm: a directory with all that TensorFlow Lite Micro needs; onnx: a QDQ file.",
)
@click.option(
    "-o",
    "--file",
    type=FilePath(),
    required=True,
    help="What to write: NAME.tflite, NAME.onnx, or a directory for tflm.",
)
@click.option(
    "--patched", is_flag=True, help="First layers in patches, where TensorFlow Lite Micro then needs less RAM."
)
@click.option(
    "--max-recompute",
    type=Number(1.0),
    default=MAX_RECOMPUTE,
    show_default=True,
    help="With --patched: MACs executed, as a multiple of the model's, at most.",
)
@force_option
@calibrating_options
@speaks
def export(
    model: Path,
    kind: str,
    file: Path,
    patched: bool,
    max_recompute: float,
    force: bool,
    calibrating: Calibrating,
    out: Output,
) -> None:
    """MODEL's optimized int8 graph for another runtime; with --patched in patches, for a smaller arena in TFLM."""
    source = click.get_current_context().get_parameter_source("max_recompute")
    if source is ParameterSource.COMMANDLINE and not patched:
        raise UsageError("--max-recompute bounds what patches compute twice", hint="add --patched")
    if patched and kind == "onnx":
        raise UsageError("--patched is for TensorFlow Lite Micro", hint="--format tflite or tflm")
    refuse_model(file, model)
    if kind == "tflm":
        require_replaceable(file, MARKER, force)
    graph = load_int8(model, calibrating, out)
    if kind == "tflm":
        bundle, patching = pipeline.export_tflm(graph, file, patched=patched, max_recompute=max_recompute, force=force)
        written, more, line = bundle.model, bundle_facts(bundle), bundle_line(bundle, file)
    else:
        patching = None
        if kind == "onnx":
            pipeline.export_onnx(graph, file)
        else:
            patching = pipeline.export(graph, file, patched=patched, max_recompute=max_recompute)
        written, more = file.read_bytes(), {}
        line = f"{len(written):,} bytes in {file}"
    facts = {**_facts(graph, kind, file, written, patching), **more}
    out.result(facts, *([patching_line(patching, graph)] if patching else []), line)


def _facts(graph: Graph, kind: str, file: Path, written: bytes, patching: Patching | None) -> dict[str, Any]:
    """file_bytes, file_sha256: of the model in the file or directory."""
    return {
        "model": graph.name,
        "model_sha256": graph.sha256,
        "format": kind,
        "file": str(file),
        "file_bytes": len(written),
        "file_sha256": hashlib.sha256(written).hexdigest(),
        "macs": graph.macs,
        "macs_executed": patching.graph.macs if patching else graph.macs,
        "patching": patching_facts(patching) if patching else None,
        **graph_ports(graph),
    }
