"""Keras models (.keras, .h5) and SavedModel directories, through TensorFlow's converter to a float .tflite.

The converter runs in a process of its own (from_keras_process.py): TensorFlow takes seconds to load, prints as it
likes, and can abort. Keras loads in its safe mode, which refuses code that a file brings along (Lambda layers).
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from tinyml.errors import ModelError, UsageError
from tinyml.importers.from_tflite import from_tflite
from tinyml.install_hints import INSTALL_HINTS
from tinyml.ir import Graph

TIMEOUT_S = 600
_LONGEST_REASON = 600


def from_keras(path: Path) -> Graph:
    """The float graph of a Keras file or SavedModel directory, named after it. Raises what `from_tflite` raises.

    ModelError with the converter's own words where it refuses the model.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise UsageError("reading Keras models and SavedModels needs TensorFlow", INSTALL_HINTS["tensorflow"])
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        converted = Path(directory) / "model.tflite"
        command = [sys.executable, "-m", "tinyml.importers.from_keras_process", str(path.resolve()), str(converted)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise ModelError(f"{path}: TensorFlow's converter took more than {TIMEOUT_S} s") from error
        if done.returncode != 0 or not converted.exists():
            why = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise ModelError(f"{path}: TensorFlow does not convert this model: {why[0][:_LONGEST_REASON]}")
        return from_tflite(converted.read_bytes(), path.stem)
