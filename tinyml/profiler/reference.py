"""Expected outputs of a model: TensorFlow Lite Micro where it is installed, the interpreter otherwise.

TFLM runs in a process of its own: it aborts on models it does not like, and an abort must not take the SDK with it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinyml.errors import CheckError, UsageError
from tinyml.exporters.tflm_ops import lacking_operators
from tinyml.install_hints import INSTALL_HINTS
from tinyml.interpreter import Inferences
from tinyml.ir import Array, Graph

MAX_ARENA_BYTES = 64 << 20  # of any model that runs here
ARENA_STEP = 16  # bytes by which arenas are told apart

Sample = Sequence[Array]
Outputs = tuple[Array, ...]


def tflm_available() -> bool:
    return importlib.util.find_spec("tflite_micro") is not None


def reference_outputs(
    graph: Graph, model: Path | None, samples: Sequence[Sample], wanted: str = "auto"
) -> tuple[str, list[Outputs]]:
    """(name of the reference, quantized outputs per sample).

    samples: of a graph with states a sequence, from its initial states on.
    model: the graph as a .tflite file; None where TFLite cannot state it.
    wanted: "tflm", "interpreter", or "auto": TFLM where it is installed, there is a file for it, and it has kernels
        for all of the graph's operators. With TFLM, its outputs are the reference, and the interpreter must equal
        them: CheckError if it does not.
    """
    inferences = Inferences(graph)
    own = [inferences.run(sample) for sample in samples]
    if wanted == "interpreter" or (wanted == "auto" and not _tflm_runs(graph, model)):
        return "interpreter", own
    if not tflm_available():
        raise UsageError("TensorFlow Lite Micro is not installed", INSTALL_HINTS["tflite-micro"])
    if model is None:
        raise UsageError(
            f"TensorFlow Lite Micro cannot run {graph.name}: no .tflite file can state it", "--reference interpreter"
        )
    outputs = run_tflm(graph, model, samples)
    wrong = sum(
        int((a != b).sum())
        for ours, theirs in zip(own, outputs, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    )
    if wrong:
        raise CheckError(
            f"{graph.name}: the interpreter differs from TensorFlow Lite Micro in {wrong} values",
            hint="report this model: it is a bug in the SDK, not in the model",
        )
    return "tflm", outputs


def _tflm_runs(graph: Graph, model: Path | None) -> bool:
    """Whether TFLM is here, with kernels for all that a graph consists of."""
    return model is not None and tflm_available() and not lacking_operators(graph)


def run_tflm(graph: Graph, model: Path, samples: Sequence[Sample]) -> list[Outputs]:
    """Outputs of TFLM for quantized samples, in the quantization of the graph's inputs and outputs.

    A model with float inputs or outputs is fed and read through that quantization, uint8 ones are moved by 128.
    """
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        given, got = Path(directory) / "given.npz", Path(directory) / "got.npz"
        np.savez(given, allow_pickle=False, **_arrays(graph, samples))
        done = _tflm(str(model), str(given), str(got))
        if done.returncode != 0 or not got.exists():
            raise _refusal(graph.name, done, "--reference interpreter")
        with np.load(got) as found:
            return [
                tuple(found[f"s{s}_o{i}"].reshape(t.shape) for i, t in enumerate(graph.outputs))
                for s in range(len(samples))
            ]


def tflm_arena_bytes(name: str, model: bytes) -> int:
    """The smallest arena in which TFLM runs a .tflite file on this host, its structures included, to ARENA_STEP.

    Raises CheckError where TFLM does not run it, UsageError without the tflite-micro package.
    """
    if not tflm_available():
        raise UsageError("measuring an arena takes TensorFlow Lite Micro", INSTALL_HINTS["tflite-micro"])
    too_small, enough = 0, MAX_ARENA_BYTES // ARENA_STEP
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        path = Path(directory) / "model.tflite"
        path.write_bytes(model)
        while enough - too_small > 1:
            done = _tflm(str(path), "--arena", str(too_small), str(enough))
            if not done.stdout:
                raise _refusal(name, done, "--format tflite without --patched, which measures nothing")
            too_small, enough = map(int, done.stdout.splitlines()[-1].split())
            if done.returncode != 0:  # TFLM died of the next attempt
                too_small = (too_small + enough) // 2
    return enough * ARENA_STEP


def _tflm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tinyml.profiler.tflm_process", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _refusal(name: str, done: subprocess.CompletedProcess[str], hint: str) -> CheckError:
    why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return CheckError(f"{name}: TensorFlow Lite Micro does not run this model: {why[0]}", hint=hint)


def _arrays(graph: Graph, samples: Sequence[Sample]) -> dict[str, Array]:
    arrays: dict[str, Array] = {"count": np.array([len(samples), len(graph.inputs), len(graph.outputs)])}
    for direction, tensors in (("input", graph.inputs), ("output", graph.outputs)):
        arrays[f"{direction}_types"] = np.array([t.dtype.value for t in tensors])
        arrays[f"{direction}_scales"] = np.array([t.affine.scale for t in tensors], np.float32)
        arrays[f"{direction}_zero_points"] = np.array([t.affine.zero_point for t in tensors], np.int32)
    for s, sample in enumerate(samples):
        arrays.update({f"s{s}_i{i}": array for i, array in enumerate(sample)})
    return arrays
