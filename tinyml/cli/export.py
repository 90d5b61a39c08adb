"""export: the int8 graph as a model file for other runtimes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click
from click.core import ParameterSource

from tinyml import pipeline
from tinyml.cli.facts import graph_ports, patching_facts, patching_line
from tinyml.cli.options import input_shape_option, model_argument, speaks
from tinyml.cli.output import Output
from tinyml.errors import UsageError
from tinyml.exporters.patch_search import MAX_RECOMPUTE
from tinyml.importers import Shapes


@click.command()
@model_argument
@click.option("--format", "kind", type=click.Choice(["tflite"]), required=True, help="What to write.")
@click.option("-o", "--file", type=click.Path(path_type=Path), required=True, help="The file to write: NAME.tflite.")
@click.option(
    "--patched", is_flag=True, help="First layers in patches, where TensorFlow Lite Micro then needs less RAM."
)
@click.option(
    "--max-recompute",
    type=click.FloatRange(min=1),
    default=MAX_RECOMPUTE,
    show_default=True,
    help="With --patched: MACs executed, as a multiple of the model's, at most.",
)
@input_shape_option
@speaks
def export(
    model: Path, kind: str, file: Path, patched: bool, max_recompute: float, shapes: Shapes, out: Output
) -> None:
    """MODEL's optimized int8 graph as a file; with --patched in patches, for a smaller arena and the same bytes."""
    source = click.get_current_context().get_parameter_source("max_recompute")
    if source is ParameterSource.COMMANDLINE and not patched:
        raise UsageError("--max-recompute bounds what patches compute twice", hint="add --patched")
    if file.resolve() == model.resolve():
        raise UsageError(f"{file} is the model itself", hint="name another file")
    graph = pipeline.load(model, shapes=shapes)
    patching = pipeline.export(graph, file, patched=patched, max_recompute=max_recompute)
    written = file.read_bytes()
    facts = {
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
    lines = [patching_line(patching, graph)] if patching else []
    out.result(facts, *lines, f"{len(written):,} bytes in {file}")
