"""Graphs in the files of others: .tflite, QDQ .onnx, a bundle for TensorFlow Lite Micro. Whole or not at all."""

from __future__ import annotations

from pathlib import Path

from tinyml.errors import UsageError
from tinyml.exporters.patch_search import MAX_RECOMPUTE, Patching, best_patching
from tinyml.exporters.tflm_ops import resolver_methods
from tinyml.exporters.to_onnx import to_onnx
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Graph
from tinyml.output import file_written_whole, write_file, written_whole
from tinyml.profiler.reference import reference_outputs, tflm_arena_bytes
from tinyml.samples import made_up_samples
from tinyml.tflm_bundle import MARKER, Bundle, make_bundle, write_bundle

EXPORT_SAMPLES = 5  # made up, on which TFLM must compute the same from a patched model as from the original


def export(
    graph: Graph, file: str | Path, *, patched: bool = False, max_recompute: float = MAX_RECOMPUTE
) -> Patching | None:
    """Writes an int8 graph as a .tflite file, whole or not at all; returns how it was patched, where that was asked.

    patched: the first layers run patch by patch where that makes the arena of TensorFlow Lite Micro smaller, measured
        here; written only after TFLM gave the graph's own bytes from it on made-up samples.
    max_recompute: bound on the multiply-accumulates that patches execute, as a multiple of the graph's own.
    Raises UsageError, UnsupportedError; CheckError where TFLM does not run the graph.
    """
    path = _ending_in(".tflite", file)
    patching = _patching(graph, max_recompute) if patched else None
    with file_written_whole(path) as fresh:
        fresh.write_bytes(to_tflite(patching.graph if patching else graph))
        if patching:
            reference_outputs(graph, fresh, made_up_samples(graph, EXPORT_SAMPLES).inputs, "tflm")
    return patching


def export_onnx(graph: Graph, file: str | Path) -> None:
    """Writes an int8 graph as a QDQ ONNX file, whole or not at all; see `tinyml.exporters.to_onnx`.

    Raises UsageError, also without the onnx package; UnsupportedError.
    """
    path = _ending_in(".onnx", file)
    write_file(path, to_onnx(graph))


def export_tflm(
    graph: Graph,
    directory: str | Path,
    *,
    patched: bool = False,
    max_recompute: float = MAX_RECOMPUTE,
    force: bool = False,
) -> tuple[Bundle, Patching | None]:
    """Writes what runs an int8 graph in TensorFlow Lite Micro; see `tinyml.tflm_bundle`. Whole or not at all.

    Only after TFLM gave the graph's own bytes from it on made-up samples. patched, max_recompute: as of `export`.
    force: edited files are replaced.
    Raises UsageError, also without the tflite-micro package; UnsupportedError; CheckError where TFLM does not run it.
    """
    resolver_methods(graph)  # refuses what TFLM lacks by name; TFLM itself would by its death
    patching = _patching(graph, max_recompute) if patched else None
    stated = patching.graph if patching else graph
    model = to_tflite(stated)
    arena_bytes = patching.arena_bytes if patching else tflm_arena_bytes(graph.name, model)
    bundle = make_bundle(stated, model, arena_bytes)
    with written_whole(Path(directory), MARKER, force=force) as fresh:
        write_bundle(bundle, fresh)
        samples = made_up_samples(graph, EXPORT_SAMPLES).inputs
        reference_outputs(graph, fresh / f"{bundle.name}.tflite", samples, "tflm")
    return bundle, patching


def _ending_in(suffix: str, file: str | Path) -> Path:
    path = Path(file)
    if path.suffix != suffix:
        raise UsageError(f"{path} does not end in {suffix}", hint=f"{path.stem or 'model'}{suffix}")
    return path


def _patching(graph: Graph, max_recompute: float) -> Patching:
    if not max_recompute >= 1:
        raise UsageError(f"max_recompute is {max_recompute}; 1 is no work done twice, 1.5 half of it")

    def measure(candidate: Graph) -> int:
        return tflm_arena_bytes(graph.name, to_tflite(candidate))

    return best_patching(graph, measure, max_recompute)
