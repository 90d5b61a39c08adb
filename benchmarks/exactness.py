"""Output values that differ from TensorFlow Lite Micro, on emulated boards, for every way to schedule a model.

python -m benchmarks.exactness [--boards A,B] [--samples N] [--mobilenet] [MODEL ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fusion import EXAMPLES, table
from tests.networks import mobilenet_v2
from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.ir import Graph
from tinyml.samples import made_up_samples

HEADINGS = ("model", "board", "input", "x MACs", "arena", "measured SRAM", "inputs", "values that differ")
BOARDS = "qemu_mps2_an386,qemu_mps2_an500,qemu_mps3_an547"
FACTORS = (None, 1.15)
# Where an emulated board has more room for weights than the silicon that it stands for: (address, bytes).
LARGE_FLASH = {
    "qemu_mps2_an386": (0x00000000, 4 << 20),
    "qemu_mps2_an500": (0x00000000, 4 << 20),
    "qemu_mps3_an547": (0x60000000, 64 << 20),
}


def with_large_flash(board: Board) -> Board:
    """The board with room for a MobileNetV2 at full width."""
    address, size = LARGE_FLASH[board.name]
    grown = {"flash": {"address": address, "size_bytes": size}}
    return replace(board, memories=tuple(replace(m, **grown.get(m.kind, {})) for m in board.memories))


def rows_of(graph: Graph, board: Board, count: int) -> Iterator[tuple[str, ...]]:
    """A row per way of feeding the input and bound on work. Raises what the pipeline raises."""
    samples = made_up_samples(graph, count)
    for feed in ("resident", "rows"):
        for factor in FACTORS:
            plan = pipeline.plan(graph, board, feed=feed, max_recompute=factor)
            with TemporaryDirectory() as directory:
                firmware = pipeline.build(plan, Path(directory) / "firmware", board=board)
                verdict = pipeline.test(firmware, graph, graph, samples, reference="tflm")
            yield (
                graph.name,
                board.name,
                feed,
                f"{plan.macs_executed / max(graph.macs, 1):.3f}",
                f"{plan.arena_bytes:,}",
                f"{verdict.peak_sram_bytes:,}",
                f"{verdict.samples}",
                f"{verdict.mismatched_values}",
            )


def graphs(options: argparse.Namespace) -> Iterator[Graph]:
    for path in options.models:
        yield pipeline.load(path)
    if options.mobilenet:
        yield mobilenet_v2(0.35, 144)
        yield mobilenet_v2(1.0, 224)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="outputs on emulated boards against TensorFlow Lite Micro")
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--boards", default=BOARDS, help="emulated boards, with commas")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--mobilenet", action="store_true", help="MobileNetV2 0.35 at 144 and 1.0 at 224, too")
    options = parser.parse_args(arguments)
    print("\n".join(table([HEADINGS])), flush=True)
    for graph in graphs(options):
        for name in options.boards.split(","):
            for row in rows_of(graph, with_large_flash(load_board(name)), options.samples):
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
