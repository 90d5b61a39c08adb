"""The oracles: TensorFlow Lite Micro, and LiteRT's reference kernels as second opinion.

`python -m tests.tflm MODEL.tflite INPUTS.npz OUTPUTS.npz` is the subprocess behind `run_tflm_isolated`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_ROOT = Path(__file__).resolve().parent.parent
ARENA_BYTES = 16 << 20


class OracleError(Exception):
    """The oracle refused the model or died on it."""


class Tflm:
    """One model in TFLM, in this process: a failed CHECK in TFLM ends the process, so for models known to be sound.

    Everything stateless runs many times on one interpreter.
    """

    def __init__(self, model: bytes, arena_bytes: int = ARENA_BYTES) -> None:
        from tflite_micro import runtime

        try:
            self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        except RuntimeError as error:
            raise OracleError(str(error)) from error

    def __call__(self, inputs: Sequence[Array], outputs: int | None = None) -> list[Array]:
        """Outputs for one set of inputs; `outputs` is how many the model has (counted when None)."""
        for index, array in enumerate(inputs):
            self._interpreter.set_input(np.ascontiguousarray(array), index)
        self._interpreter.invoke()
        if outputs is not None:
            return [np.array(self._interpreter.get_output(index)) for index in range(outputs)]
        found: list[Array] = []
        while True:
            try:
                found.append(np.array(self._interpreter.get_output(len(found))))
            except (IndexError, ValueError, RuntimeError):
                return found


def _output_count(model: bytes) -> int:
    from ai_edge_litert import schema_py_generated as schema

    return int(schema.Model.GetRootAs(model, 0).Subgraphs(0).OutputsLength())


def run_tflm(model: bytes, inputs: Sequence[Array]) -> list[Array]:
    """Outputs of one inference in TFLM, in this process."""
    return Tflm(model)(inputs, _output_count(model))


def run_tflm_many(model: bytes, batches: Iterable[Sequence[Array]]) -> list[list[Array]]:
    """Outputs of several inferences of one model."""
    interpreter, outputs = Tflm(model), _output_count(model)
    return [interpreter(inputs, outputs) for inputs in batches]


def run_tflm_isolated(model: bytes, inputs: Sequence[Array], timeout_s: float = 60) -> list[Array]:
    """The same in a process of its own; OracleError when TFLM aborts, with what it said."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("model.tflite", "inputs.npz", "outputs.npz")]
        paths[0].write_bytes(model)
        np.savez(paths[1], *inputs)
        command = [sys.executable, "-m", "tests.tflm", *map(str, paths)]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode:
            raise OracleError(f"TFLM ended with {done.returncode}: {done.stderr[-2000:]}")
        return _load(paths[2])


def run_litert_reference(model: bytes, inputs: Sequence[Array]) -> list[Array]:
    """Outputs of one inference by LiteRT's reference kernels."""
    return run_litert_reference_many(model, [inputs])[0]


def run_litert_reference_many(model: bytes, batches: Iterable[Sequence[Array]]) -> list[list[Array]]:
    """Outputs of several inferences by LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    results = []
    for inputs in batches:
        for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
            interpreter.set_tensor(detail["index"], np.ascontiguousarray(array))
        interpreter.invoke()
        results.append([interpreter.get_tensor(d["index"]).copy() for d in interpreter.get_output_details()])
    return results


def _load(path: Path) -> list[Array]:
    with np.load(path) as arrays:
        return [arrays[f"arr_{index}"] for index in range(len(arrays.files))]


def _main(model: str, inputs: str, outputs: str) -> None:
    np.savez(outputs, *run_tflm(Path(model).read_bytes(), _load(Path(inputs))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
