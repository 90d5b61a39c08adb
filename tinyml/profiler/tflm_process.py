"""TFLM in a process of its own.

`python -m tinyml.profiler.tflm_process MODEL GIVEN.npz GOT.npz` runs int8 samples one after another.
`python -m tinyml.profiler.tflm_process MODEL --arena LOW HIGH` looks for the smallest arena in which TFLM gets ready to
run, between one that is too small and one that is enough, in units of ARENA_STEP. It prints both before every attempt,
because some that are too small end the process, and when they are neighbours.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from tflite_micro import runtime

from tinyml.ir import Array
from tinyml.profiler.reference import ARENA_STEP, MAX_ARENA_BYTES


def main(model: str, given_path: str, got_path: str) -> None:
    interpreter = runtime.Interpreter.from_bytes(Path(model).read_bytes(), arena_size=MAX_ARENA_BYTES)
    results: dict[str, Array] = {}
    with np.load(given_path) as given:
        samples, inputs, outputs = (int(n) for n in given["count"])
        for s in range(samples):
            for i in range(inputs):
                quantized = given[f"s{s}_i{i}"]
                interpreter.set_input(_as_fed(interpreter.get_input_details(i)["dtype"], quantized, given, i), i)
            interpreter.invoke()
            for i in range(outputs):
                results[f"s{s}_o{i}"] = _as_quantized(np.array(interpreter.get_output(i)), given, i)
    np.savez(got_path, allow_pickle=False, **results)


def find_arena(model: str, low: str, high: str) -> None:
    """By bisection: TFLM's own report leaves out what it needs while it plans."""
    data, too_small, enough = Path(model).read_bytes(), int(low), int(high)
    runtime.Interpreter.from_bytes(data, arena_size=enough * ARENA_STEP)
    print(too_small, enough, flush=True)
    while enough - too_small > 1:
        tried = (too_small + enough) // 2
        try:
            runtime.Interpreter.from_bytes(data, arena_size=tried * ARENA_STEP)
        except RuntimeError:
            too_small = tried
        else:
            enough = tried
        print(too_small, enough, flush=True)


def _as_fed(dtype: object, quantized: Array, given: np.lib.npyio.NpzFile, index: int) -> Array:
    """The input as the model takes it: a float model gets the real numbers that these quantized values stand for."""
    if dtype == quantized.dtype:
        return quantized
    if dtype == np.uint8:
        return quantized.view(np.uint8) ^ 0x80
    scale, zero_point = given["input_scales"][index], given["input_zero_points"][index]
    real: Array = (quantized.astype(np.int32) - zero_point).astype(np.float32) * np.float32(scale)
    return real


def _as_quantized(values: Array, given: np.lib.npyio.NpzFile, index: int) -> Array:
    """The quantized output; a float output is scale * (q - zero_point) for exactly one q."""
    kind = str(given["output_types"][index])
    if values.dtype == kind:
        return values
    if values.dtype == np.uint8:
        return (values ^ 0x80).view(np.int8)
    scale, zero_point = given["output_scales"][index], given["output_zero_points"][index]
    return np.asarray(np.round(values.astype(np.float64) / float(scale)) + zero_point, kind)


if __name__ == "__main__":
    if sys.argv[2] == "--arena":
        find_arena(sys.argv[1], *sys.argv[3:5])
    else:
        main(*sys.argv[1:4])
