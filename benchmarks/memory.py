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
from tinyml.exporters.patch_search import best_patching
from tinyml.exporters.to_tflite import to_tflite
from tinyml.ir import Graph
from tinyml.scheduler import make_plan
from tinyml.scheduler.network import Knobs
from tinyml.scheduler.slicing import in_slices

HEADINGS = (
    "model",
    "input",
    "layer by layer",
    "patches only",
    "rows",
    "+ border overlap",
    "+ strips: all at 1.000",
    "+ slices",
    "factor <= 1.15",
    "(factor)",
    "+ columns again",
    "(factor)",
    "+ slices at 1.15",
    "(factor)",
    "tflite-micro (host)",
)
FACTOR = 1.15

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


def cells(graph: Graph, model: bytes) -> Iterator[tuple[str, ...]]:
    """A row for each way of feeding the input: what every further knob of the planner gives."""
    kernels = select_kernels(graph)
    layers = make_plan(graph, kernels, fuse=False).arena_bytes
    wholes = f"{layers:,}", patches(graph, layers)
    tflm = tflm_arena(model)
    for fed in (False, True):
        ways = (
            (1.0, Knobs(strips=False, overlap=False)),
            (1.0, Knobs(strips=False)),
            (1.0, Knobs()),
            (FACTOR, Knobs(columns_again=False)),
            (FACTOR, Knobs()),
        )
        try:
            plans = [
                make_plan(graph, kernels, feed_rows=fed, max_recompute=factor, knobs=knobs) for factor, knobs in ways
            ]
        except UnsupportedError:
            continue
        once, again = (in_slices(plan, kernels, factor) for plan, factor in ((plans[2], 1.0), (plans[4], FACTOR)))
        arenas = [f"{plan.arena_bytes:,}" for plan in (*plans[:3], once)]
        works = [(f"{p.arena_bytes:,}", f"{p.macs_executed / max(graph.macs, 1):.3f}") for p in (*plans[3:], again)]
        found = *arenas, *(cell for pair in works for cell in pair)
        yield graph.name, "rows" if fed else "resident", *(("", "") if fed else wholes), *found, tflm


def patches(graph: Graph, layers: int) -> str:
    """The first layers patch by patch with the halo computed again (MCUNetV2), layer by layer otherwise."""

    def measure(cut: Graph) -> int:
        return make_plan(cut, select_kernels(cut), fuse=False).arena_bytes

    found = best_patching(graph, measure, FACTOR)
    macs = found.graph.macs / max(graph.macs, 1)
    return f"{found.arena_bytes:,} @{macs:.3f}" if found.arena_bytes < layers else f"{layers:,} @1.000"


def mobilenets() -> Iterator[tuple[Graph, bytes]]:
    """MobileNetV2 with random weights, and blocks like its last ones by themselves; the builders are the tests'."""
    from tests.networks import mobilenet_v2, narrow_net

    graphs = (mobilenet_v2(1.0, 224), mobilenet_v2(0.35, 144), narrow_net(7, 160, 3), narrow_net(4, 320, 3))
    yield from ((graph, to_tflite(graph)) for graph in graphs)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="arena bytes of every way to schedule a model")
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--mobilenet", action="store_true", help="also MobileNetV2, and blocks like its last ones")
    options = parser.parse_args(arguments)
    cases = [(pipeline.load(path), path.read_bytes()) for path in options.models]
    cases += list(mobilenets()) if options.mobilenet else []
    print("\n".join(table([HEADINGS, *(row for graph, model in cases for row in cells(graph, model))])))


if __name__ == "__main__":
    main()
