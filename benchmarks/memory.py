"""Arena bytes of every way to schedule a model, and what the `tflite-micro` package reports for its own arena.

python -m benchmarks.memory [--mobilenet] [MODEL ...]
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.fusion import EXAMPLES, table
from codegen import select_kernels
from tinyml import pipeline
from tinyml.errors import UnsupportedError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Graph
from tinyml.scheduler import make_plan

HEADINGS = ("model", "layer by layer", "rows, image resident", "rows, fed by rows", "MAC factor", "tflite-micro (host)")

_TFLM = """\
import sys
import numpy as np
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_bytes(sys.stdin.buffer.read(), arena_size=256 << 20)
details = interpreter.get_input_details(0)
interpreter.set_input(np.zeros(details["shape"], details["dtype"]), 0)
interpreter.invoke()
interpreter.print_allocations()
"""


def tflm_arena(model: bytes) -> str:
    """Total of the interpreter's own report; with the 32-bit pointers of a microcontroller it needs a bit less."""
    done = subprocess.run([sys.executable, "-c", _TFLM], input=model, capture_output=True, check=False)
    found = re.search(rb"Arena allocation total (\d+) bytes", done.stderr + done.stdout)
    return f"{int(found[1]):,}" if found else "does not run"


def cells(graph: Graph, model: bytes) -> tuple[str, ...]:
    kernels = select_kernels(graph)
    layers, resident = make_plan(graph, kernels, fuse=False), make_plan(graph, kernels)
    try:
        fed = make_plan(graph, kernels, feed_rows=True)
    except UnsupportedError:
        fed = None
    executed = max(plan.macs_executed for plan in (resident, fed) if plan) / max(graph.macs, 1)
    arenas = (layers.arena_bytes, resident.arena_bytes, fed.arena_bytes if fed else None)
    shown = (f"{arena:,}" if arena is not None else "" for arena in arenas)
    return (graph.name, *shown, f"{executed:.3f}", tflm_arena(model))


def mobilenets() -> Iterator[tuple[Graph, bytes]]:
    """MobileNetV2 with random weights; the builder is the tests'."""
    from tests.networks import mobilenet_v2

    for width, resolution in ((1.0, 224), (0.35, 144)):
        graph = mobilenet_v2(width, resolution)
        yield graph, to_tflite(graph)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="arena bytes of every way to schedule a model")
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--mobilenet", action="store_true", help="also MobileNetV2 1.0 at 224 and 0.35 at 144")
    options = parser.parse_args(arguments)
    cases = [(pipeline.load(path), path.read_bytes()) for path in options.models]
    cases += list(mobilenets()) if options.mobilenet else []
    print("\n".join(table([HEADINGS, *(cells(graph, model) for graph, model in cases)])))


if __name__ == "__main__":
    main()
