"""Flash of a model by itself, without the firmware around it: code, weights and biases, scales, all other tables.

python -m benchmarks.size [--board NAME] [MODEL ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.fusion import EXAMPLES, table
from codegen import generate
from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.elf import Sections, object_sizes
from tinyml.ir import Graph
from tinyml.scheduler import Plan
from tinyml.scheduler.plan import OPTIMIZE
from tinyml.toolchain import Toolchain, find_toolchain

HEADINGS = (
    "model",
    "optimize",
    "code",
    "weights and biases",
    "scales",
    "other tables",
    "code + other",
    "code + scales + other",
    "in all",
)


class Data(NamedTuple):
    """Bytes of what a model file states, too: weights and biases, and a scale of 4 bytes per filter or tensor."""

    weights_bytes: int
    scales_bytes: int


def model_data(graph: Graph) -> Data:
    """Constants of the nodes that run; a constant that several read counts once."""
    constants = {tensor for node in graph.nodes for tensor in node.inputs if tensor.is_constant}
    scales = sum(len(tensor.quant.scales) for tensor in constants if tensor.quant and tensor.dtype.value != "int32")
    return Data(sum(tensor.size_bytes for tensor in constants), 4 * scales)


def model_sections(plan: Plan, board: Board, toolchain: Toolchain) -> Sections:
    """Sizes of the generated C alone, compiled as a firmware compiles it. Raises ToolchainError."""
    sources = generate(plan)
    with TemporaryDirectory() as directory:
        for name, text in sources.files.items():
            (Path(directory) / name).write_text(text, encoding="utf-8")
        flags = toolchain.compile_flags(board, OPTIMIZE[plan.optimize])
        toolchain.run([*flags, "-c", f"{sources.name}.c", "-o", "model.o"], Path(directory))
        return object_sizes([Path(directory) / "model.o"], f"{sources.name}_arena")


def rows_of(graph: Graph, board: Board) -> Iterator[tuple[str, ...]]:
    data, toolchain = model_data(graph), find_toolchain(board)
    for optimize in OPTIMIZE:
        sections = model_sections(pipeline.schedule(graph, board, optimize=optimize), board, toolchain)
        other = sections.weights_bytes - sum(data)
        sums = (sections.code_bytes + other, sections.code_bytes + data.scales_bytes + other, sections.flash_bytes)
        numbers = (sections.code_bytes, *data, other, *sums)
        yield (graph.name, optimize, *(f"{number:,}" for number in numbers))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="flash of a model by itself")
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--board", default="qemu_mps2_an386", help="any Cortex-M board")
    options = parser.parse_args(arguments)
    board = load_board(options.board)
    rows = [row for path in options.models for row in rows_of(pipeline.load(path), board)]
    print(f"{board.name}, {find_toolchain(board)}, bytes\n")
    print("\n".join(table([HEADINGS, *rows])))


if __name__ == "__main__":
    main()
