"""TinyML deployment SDK: from a model to verified int8 firmware on a microcontroller.

graph = tinyml.load("model.tflite")
plan = tinyml.plan(graph, board="qemu_mps2_an386")
firmware = tinyml.build(plan, "out/")
with tinyml.connect(plan.board) as device:
    device.flash(firmware)
    (output,) = device.invoke(x)          # equals tinyml.run(graph, x)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinyml._version import __version__

if TYPE_CHECKING:
    from tinyml.board import Board, board_names, load_board
    from tinyml.costs import Estimate, estimate
    from tinyml.errors import FitError, TinymlError
    from tinyml.firmware import Firmware
    from tinyml.importers.from_torch import from_torch
    from tinyml.interpreter import Inferences, run
    from tinyml.ir import Graph
    from tinyml.pipeline import (
        bisect,
        build,
        connect,
        export,
        export_onnx,
        export_tflm,
        load,
        plan,
        profile,
        read,
        test,
        tune,
    )
    from tinyml.profiler.bisection import Bisection
    from tinyml.profiler.profile import Profile
    from tinyml.quantizer import quantize
    from tinyml.samples import Samples, load_samples
    from tinyml.scheduler import Plan
    from tinyml.tuning import Tuning

# public name -> module; resolved at first use (PEP 562), so that `import tinyml` is cheap
_PUBLIC = {
    "Bisection": "tinyml.profiler.bisection",
    "Board": "tinyml.board",
    "Estimate": "tinyml.costs",
    "Firmware": "tinyml.firmware",
    "FitError": "tinyml.errors",
    "Graph": "tinyml.ir",
    "Inferences": "tinyml.interpreter",
    "Plan": "tinyml.scheduler",
    "Profile": "tinyml.profiler.profile",
    "Samples": "tinyml.samples",
    "TinymlError": "tinyml.errors",
    "Tuning": "tinyml.tuning",
    "bisect": "tinyml.pipeline",
    "board_names": "tinyml.board",
    "build": "tinyml.pipeline",
    "connect": "tinyml.pipeline",
    "estimate": "tinyml.costs",
    "export": "tinyml.pipeline",
    "export_onnx": "tinyml.pipeline",
    "export_tflm": "tinyml.pipeline",
    "from_torch": "tinyml.importers.from_torch",
    "load": "tinyml.pipeline",
    "load_board": "tinyml.board",
    "load_samples": "tinyml.samples",
    "plan": "tinyml.pipeline",
    "profile": "tinyml.pipeline",
    "quantize": "tinyml.quantizer",
    "read": "tinyml.pipeline",
    "run": "tinyml.interpreter",
    "test": "tinyml.pipeline",
    "tune": "tinyml.pipeline",
}

__all__ = [
    "Bisection",
    "Board",
    "Estimate",
    "Firmware",
    "FitError",
    "Graph",
    "Inferences",
    "Plan",
    "Profile",
    "Samples",
    "TinymlError",
    "Tuning",
    "__version__",
    "bisect",
    "board_names",
    "build",
    "connect",
    "estimate",
    "export",
    "export_onnx",
    "export_tflm",
    "from_torch",
    "load",
    "load_board",
    "load_samples",
    "plan",
    "profile",
    "quantize",
    "read",
    "run",
    "test",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tinyml' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
