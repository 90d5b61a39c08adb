"""CPU time to plan: whole plans, and the answer whether one fits, per model and way of feeding the input.

python -m benchmarks.planning [MODEL ...]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.fusion import table
from codegen import select_kernels
from tests.conftest import INT8_MODELS, SHARED_MODELS
from tests.networks import mobilenet_v2
from tinyml import pipeline
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph
from tinyml.scheduler import fits, make_plan
from tinyml.scheduler.rows import needs

RUNS = 5  # of which the fastest counts
HEADINGS = ("model", "input", "arena", "plan, ms", "just fits, ms", "just not, ms", "half, ms")


def milliseconds(run: Callable[[], object]) -> str:
    """CPU time of the fastest of some runs, each as if it were the first of the process."""
    times = []
    for _ in range(RUNS):
        needs.cache_clear()
        begin = time.process_time()
        run()
        times.append(time.process_time() - begin)
    return f"{1000 * min(times):.1f}"


def rows(graph: Graph) -> Iterator[tuple[str, ...]]:
    kernels = select_kernels(graph)
    for fed in (False, True):
        try:
            arena = make_plan(graph, kernels, feed_rows=fed).arena_bytes
        except UnsupportedError:
            continue
        spent = [milliseconds(lambda fed=fed: make_plan(graph, kernels, feed_rows=fed))]
        for limit in (arena, arena - 1, arena // 2):
            spent.append(milliseconds(lambda fed=fed, limit=limit: fits(graph, kernels, limit, fed)))
        yield graph.name, "by rows" if fed else "resident", f"{arena:,}", *spent


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="CPU time of plans and of the answer whether one fits")
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL")
    shared = [path for name in INT8_MODELS if (path := SHARED_MODELS / f"{name}.tflite").exists()]
    models = parser.parse_args(arguments).models or shared
    graphs = [mobilenet_v2(1.0, 224), *map(pipeline.load, models)]
    print("\n".join(table([HEADINGS, *(row for graph in graphs for row in rows(graph))])))


if __name__ == "__main__":
    main()
