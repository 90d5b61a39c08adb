"""Signal to quantization noise of int8 models: this SDK's quantizer, TensorFlow's converter, the official int8 twins.

python -m benchmarks.quantization FOLDER [--samples N] [--held N] [--seed N]

FOLDER holds NAME_float.tflite and NAME_int8.tflite of MLPerf Tiny. All three are measured against the float model on
held-out inputs; the first two are calibrated with the same samples, the twins were with real data by their makers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.calibration_inputs import INPUTS, samples
from benchmarks.fusion import table
from tinyml import pipeline
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Graph
from tinyml.passes import optimize
from tinyml.quantizer import Calibration, Settings, compare, quantize_measured

HEADINGS = ("model", "int8 by", "outputs, dB", "before softmax, dB", "top-1", "variant", "s")


def by_sdk(graph: Graph, calibration: Calibration, settings: Settings) -> tuple[Graph, str]:
    result = quantize_measured(graph, calibration, settings)
    trial = result.trial
    switches = [("equalized", trial.equalized), ("bias corrected", trial.bias_corrected)]
    return optimize(result.graph), ", ".join([trial.observer, *(name for name, on in switches if on)])


def by_tensorflow(model: Path, inputs: np.ndarray, folder: Path) -> Path | None:
    """The converter's file; None when TensorFlow is not installed or fails."""
    given, output = folder / "samples.npz", folder / f"{model.stem}_tf.tflite"
    np.savez(given, x=inputs)
    command = [sys.executable, "-m", "benchmarks.tensorflow_int8", str(model), str(given), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not output.exists():
        print(done.stderr[-2000:], file=sys.stderr)
    return output if output.exists() else None


def row(
    name: str, by: str, real: Graph, int8: Graph, held: Calibration, variant: str, seconds: float
) -> tuple[str, ...]:
    found = compare(real, int8, held)
    before = _before_softmax(real, int8, held)
    top1 = f"{found.top1_agreement:.1%}" if real.outputs[0].size <= 12 and found.top1_agreement is not None else ""
    return (name, by, f"{found.sqnr_db:.2f}", before, top1, variant, f"{seconds:.0f}" if seconds else "")


def _before_softmax(real: Graph, int8: Graph, held: Calibration) -> str:
    """SQNR of what the last softmax reads, by cutting it off."""
    if real.nodes[-1].op.kind != "softmax" or int8.nodes[-1].op.kind != "softmax":
        return ""
    cut = [Graph(g.name, g.nodes[:-1], g.inputs, g.nodes[-1].inputs) for g in (real, int8)]
    return f"{compare(cut[0], cut[1], held).sqnr_db:.2f}"


def rows(folder: Path, name: str, count: int, held_count: int, seed: int) -> list[tuple[str, ...]]:
    model, twin = folder / f"{name}_float.tflite", folder / f"{name}_int8.tflite"
    real = pipeline.read(model)
    inputs = samples(name, count, held_out=False, seed=seed)
    calibration = Calibration([(x.reshape(real.inputs[0].shape),) for x in inputs])
    unseen = samples(name, held_count, held_out=True, seed=seed)
    held = Calibration([(x.reshape(real.inputs[0].shape),) for x in unseen])
    found = []
    for by, settings in (("this SDK", Settings()), ("this SDK, minmax only", Settings("minmax", "off", "off"))):
        begin = time.perf_counter()
        graph, variant = by_sdk(real, calibration, settings)
        seconds = time.perf_counter() - begin
        assert to_tflite(graph)
        found.append(row(name, by, real, graph, held, variant, seconds))
    with tempfile.TemporaryDirectory() as directory:
        begin = time.perf_counter()
        converted = by_tensorflow(model, inputs, Path(directory))
        seconds = time.perf_counter() - begin
        if converted:
            found.append(row(name, "TensorFlow", real, pipeline.read(converted), held, "", seconds))
    if twin.exists():
        found.append(row(name, "official twin", real, pipeline.read(twin), held, "", 0))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="SQNR of int8 models against float")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=200, help="calibration samples")
    parser.add_argument("--held", type=int, default=200, help="held-out samples")
    parser.add_argument("--seed", type=int, default=0, help="of both sets of samples")
    parser.add_argument("--models", nargs="*", default=list(INPUTS))
    options = parser.parse_args(arguments)
    counts = (options.samples, options.held, options.seed)
    found = [line for name in options.models for line in rows(options.folder, name, *counts)]
    print("\n".join(table([HEADINGS, *found])))


if __name__ == "__main__":
    main()
