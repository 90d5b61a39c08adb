"""The oracles: TensorFlow Lite Micro, and LiteRT's reference kernels as second opinion.

A sample is one array per model input. A failed CHECK in TFLM ends its process, so what may be unsound runs isolated:
`python -m tests.tflm FOLDER` is the subprocess, which answers every N.tflite and N.npz of the folder by an N.out.npz.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Sample = Sequence[Array]
Samples = Sequence[Sample]
Case = tuple[bytes, Samples]  # a model and what to run it on

ARENA_BYTES = 8 << 20
_ROOT = Path(__file__).resolve().parent.parent


class OracleError(Exception):
    """The oracle refused the model or died on it."""


def run_tflm(model: bytes, inputs: Sample) -> list[Array]:
    """Outputs of one inference in TFLM, in this process."""
    return run_tflm_many(model, [inputs])[0]


def run_tflm_many(model: bytes, samples: Samples, arena_bytes: int = ARENA_BYTES) -> list[list[Array]]:
    """Outputs of several inferences of one model on one interpreter, in this process: for models known to be sound."""
    from tflite_micro import runtime

    try:
        interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        return [_infer(interpreter, inputs, _output_count(model)) for inputs in samples]
    except (RuntimeError, ValueError) as error:
        raise OracleError(str(error)) from error


def run_tflm_again(model: bytes, samples: Samples) -> list[list[Array]]:
    """Outputs of the samples, then, after a reset of the same interpreter, of the samples again, in this process."""
    from tflite_micro import runtime

    interpreter, rows = runtime.Interpreter.from_bytes(model, arena_size=ARENA_BYTES), []
    for _ in range(2):
        rows += [_infer(interpreter, inputs, _output_count(model)) for inputs in samples]
        interpreter.reset()
    return rows


def _infer(interpreter: Any, inputs: Sample, outputs: int) -> list[Array]:
    for index, array in enumerate(inputs):
        interpreter.set_input(np.ascontiguousarray(array), index)
    interpreter.invoke()
    return [np.array(interpreter.get_output(index)) for index in range(outputs)]


def _output_count(model: bytes) -> int:
    from ai_edge_litert import schema_py_generated as schema

    return int(schema.Model.GetRootAs(model, 0).Subgraphs(0).OutputsLength())


def run_tflm_isolated(model: bytes, inputs: Sample, timeout_s: float = 60) -> list[Array]:
    """Outputs of one inference in a process of its own; OracleError with what TFLM said when it dies or refuses."""
    return run_tflm_cases([(model, [inputs])], timeout_s)[0][0]


def run_tflm_cases(cases: Sequence[Case], timeout_s: float = 300) -> list[list[list[Array]]]:
    """Outputs per case and sample, all in one process that is not this one; OracleError names the case that failed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index, (model, samples) in enumerate(cases):
            (folder / f"{index}.tflite").write_bytes(model)
            _save(folder / f"{index}.npz", samples)
        command = [sys.executable, "-m", "tests.tflm", name]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)
        answered = [path for path in (folder / f"{index}.out.npz" for index in range(len(cases))) if path.exists()]
        if done.returncode or len(answered) < len(cases):
            raise OracleError(f"case {len(answered)}: TFLM ended with {done.returncode}: {done.stderr[-2000:]}")
        return [_load(path) for path in answered]


def run_litert_reference(model: bytes, inputs: Sample) -> list[Array]:
    """Outputs of one inference by LiteRT's reference kernels."""
    return run_litert_reference_many(model, [inputs])[0]


def run_litert_reference_many(model: bytes, samples: Samples) -> list[list[Array]]:
    """Outputs of several inferences by LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        interpreter.allocate_tensors()
        return [_litert_infer(interpreter, inputs) for inputs in samples]
    except (RuntimeError, ValueError) as error:
        raise OracleError(str(error)) from error


def _litert_infer(interpreter: Any, inputs: Sample) -> list[Array]:
    for detail, array in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], np.ascontiguousarray(array))
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]).copy() for detail in interpreter.get_output_details()]


def _save(path: Path, samples: Samples) -> None:
    arrays: dict[str, Any] = {
        f"{row}_{column}": array for row, sample in enumerate(samples) for column, array in enumerate(sample)
    }
    np.savez(path, **arrays)


def _load(path: Path) -> list[list[Array]]:
    """What `_save` wrote."""
    rows: list[list[Array]] = []
    with np.load(path) as arrays:
        for key in arrays.files:
            if key.endswith("_0"):
                rows.append([])
            rows[-1].append(arrays[key])
    return rows


def _main(folder: Path) -> None:
    for index in range(len(list(folder.glob("*.tflite")))):
        model, samples = (folder / f"{index}.tflite").read_bytes(), _load(folder / f"{index}.npz")
        _save(folder / f"{index}.out.npz", run_tflm_many(model, samples))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
