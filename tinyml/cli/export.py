"""export: the int8 graph as a model file for other runtimes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import click

from tinyml import pipeline
from tinyml.cli.facts import graph_ports, patching_facts, patching_line
from tinyml.cli.options import model_argument, speaks
from tinyml.cli.output import Output
from tinyml.errors import UsageError
from tinyml.exporters.patch_search import MAX_RECOMPUTE


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
    help=f"With --patched: executed MACs, as a multiple of the model's, at most.  [default: {MAX_RECOMPUTE}]",
)
@speaks
def export(model: Path, kind: str, file: Path, patched: bool, max_recompute: float | None, out: Output) -> None:
    """MODEL's optimized int8 graph as a file; with --patched in patches, for a smaller arena and the same bytes."""
    if max_recompute is not None and not patched:
        raise UsageError("--max-recompute bounds what patches compute twice", hint="add --patched")
    if file.resolve() == model.resolve():
        raise UsageError(f"{file} is the model itself", hint="name another file")
    graph = pipeline.load(model)
    bound = MAX_RECOMPUTE if max_recompute is None else max_recompute
    patching = pipeline.export(graph, file, patched=patched, max_recompute=bound)
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
