"""What fusing nodes by rows saves in memory and costs in instructions, per model, on an emulated board.

python -m benchmarks.fusion [--board NAME] [MODEL ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from codegen import select_kernels
from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.ir import Graph
from tinyml.samples import made_up_samples
from tinyml.scheduler import Plan, make_plan

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*/*_int8.tflite"))
HEADINGS = ("model", "arena by layer", "arena fused", "count by layer", "same kernels", "count fused", "fused / same")


@dataclass(frozen=True)
class Cost:
    """Arena in bytes; count in the unit of the board's counter, of one inference."""

    arena_bytes: int
    count: int


@dataclass(frozen=True)
class Row:
    """A model's costs: layer by layer with the kernels that make its arena smallest, layer by layer with the kernels
    of the fused plan, and fused."""

    model: str
    by_layer: Cost
    same_kernels: Cost
    fused: Cost

    def cells(self) -> tuple[str, ...]:
        return (
            self.model,
            f"{self.by_layer.arena_bytes:,}",
            f"{self.fused.arena_bytes:,}",
            f"{self.by_layer.count:,}",
            f"{self.same_kernels.count:,}",
            f"{self.fused.count:,}",
            f"{self.fused.count / self.same_kernels.count:.3f}",
        )


def compare(model: Path, board: Board) -> Row:
    """Builds and runs the three plans of a model. Raises what the pipeline raises."""
    graph = pipeline.load(model)
    candidates = select_kernels(graph, board.cpu.features)
    fused = pipeline.schedule(graph, board)
    chosen = candidates | {step.node: (step.kernel,) for step in fused.steps}
    by_layer, same = (make_plan(graph, kernels, board=board, fuse=False) for kernels in (candidates, chosen))
    return Row(graph.name, *(measure(plan, graph, board) for plan in (by_layer, same, fused)))


def measure(plan: Plan, graph: Graph, board: Board) -> Cost:
    """Runs one inference on noise."""
    (sample,) = made_up_samples(graph, 4).inputs[3:]
    with TemporaryDirectory() as directory, pipeline.connect(board) as device:
        device.flash(pipeline.build(plan, Path(directory) / "firmware"))
        return Cost(plan.arena_bytes, board.counter.count(device.measure(sample).ticks))


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a Markdown table; numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"|-{'-|-'.join('-' * width for width in widths)}-|"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="memory saved and instructions spent by fusing nodes by rows")
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--board", default="qemu_mps2_an386", help="any board that runs without hardware")
    options = parser.parse_args(arguments)
    board = load_board(options.board)
    rows = [compare(model, board).cells() for model in options.models]
    print(f"{board.name}, {board.counter.unit} per inference\n")
    print("\n".join(table([HEADINGS, *rows])))


if __name__ == "__main__":
    main()
