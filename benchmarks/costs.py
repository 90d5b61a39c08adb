"""The cost model of the kernels: its error on the examples, and the measurements that it is fitted to.

python -m benchmarks.costs [MODEL ...]      estimated and counted instructions of one inference, per emulated core
python -m benchmarks.costs --fit            measures all kernels of the inventory, writes tinyml/costs/<core>.json
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np

from benchmarks.cost_fit import Fit, fit
from benchmarks.cost_layers import Layer, layers
from benchmarks.cost_measurement import batches, counted
from benchmarks.fusion import EXAMPLES, table
from codegen.kernels import KERNELS
from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.costs import estimate, kernel_sources, step_calls
from tinyml.costs.model import COSTS
from tinyml.costs.terms import Terms, terms_of
from tinyml.errors import FitError
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml.profiler.profile import noise
from tinyml.scheduler import Step
from tinyml.toolchain import find_toolchain

BOARDS = ("qemu_mps2_an386", "qemu_mps2_an500", "qemu_mps3_an547", "qemu_microbit")
SAMPLES, SAMPLES_OF_PRODUCTS = 36, 80
_SRAM_LEFT, _MOST_BYTES = 5000, 100_000  # for the firmware around the layers; of a layer's tensors
_FOLDED = 100  # instructions: what takes fewer was computed by the compiler


def _terms(layer: Layer) -> Terms:
    ((node, calls, idle),) = step_calls(Step(layer.node, layer.kernel, layer.rows))
    return {**terms_of(layer.kernel, node, calls), "idle": idle}


def chosen_layers(board: Board) -> list[Layer]:
    """Layers for every kernel that the board's core runs; a kernel of several ops gets some of each."""
    limit = min(board.sram_bytes - _SRAM_LEFT, _MOST_BYTES)
    found: list[Layer] = []
    for name in runs_on(board):
        variants = [kernel for kernel in KERNELS if kernel.name == name]
        products = issubclass(variants[0].op, (Conv2D, DepthwiseConv2D, FullyConnected))
        each = -(-(SAMPLES_OF_PRODUCTS if products else SAMPLES) // len(variants))
        rng = np.random.default_rng(crc32(name.encode()))
        found += [layer for kernel in variants for layer in layers(kernel, each, limit, rng)]
    return found


def _measured(board: str, number: int) -> list[int]:
    target = load_board(board)
    batch = list(batches(chosen_layers(target)))[number]
    return counted(batch, target, find_toolchain(target))


def runs_on(board: Board) -> list[str]:
    """Names of the kernels for a board's core."""
    return list(dict.fromkeys(kernel.name for kernel in KERNELS if kernel.requires <= board.cpu.features))


def fits_of(boards: Sequence[str]) -> dict[tuple[str, str], Fit]:
    """By board and kernel name; measured on all CPUs."""
    found = {board: chosen_layers(load_board(board)) for board in boards}
    jobs = [(board, number) for board in boards for number in range(len(list(batches(found[board]))))]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(jobs, pool.map(_measured, *zip(*jobs, strict=True)), strict=True))
    rows: dict[tuple[str, str], list[tuple[Terms, int]]] = {}
    for board in boards:
        own = [count for job in jobs if job[0] == board for count in counts[job]]
        for layer, count in zip(found[board], own, strict=True):
            if count >= _FOLDED:
                rows.setdefault((board, layer.kernel.name), []).append((_terms(layer), count))
    return {key: fit([terms for terms, _ in own], [count for _, count in own]) for key, own in rows.items()}


def fit_all(boards: Sequence[str]) -> Iterator[str]:
    """Writes the file of each board's core; yields what it found, a line per kernel."""
    fits = fits_of(boards)
    for board in boards:
        target = load_board(board)
        toolchain = find_toolchain(target)
        own = {name: found for (where, name), found in fits.items() if where == board}
        facts = {
            "core": target.cpu.core,
            "unit": target.counter.unit,
            "compiler": str(toolchain),
            "flags": " ".join(toolchain.compile_flags(target)),
            "kernel_sources": kernel_sources(),
            "kernels": {
                name: {"factors": f.factors, "error": f.error, "median_error": f.middle, "layers": f.samples}
                for name, f in sorted(own.items())
            },
        }
        (COSTS / f"{target.cpu.core}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        rows = [("kernel", "layers", "half within", "9 of 10 within")]
        rows += [(name, str(f.samples), f"{f.middle:.1%}", f"{f.error:.1%}") for name, f in own.items()]
        yield f"\n{target.cpu.core}, {toolchain}\n"
        yield from table(rows)


def errors(models: Sequence[Path], boards: Sequence[str]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("model", "core", "counted", "estimated", "off", "stated", "worst layer above 2 %")]
    for path in models:
        graph = pipeline.load(path)
        for board in map(load_board, boards):
            try:
                plan = pipeline.plan(graph, board)
                with TemporaryDirectory() as directory:
                    firmware = pipeline.build(plan, Path(directory) / "f")
                    counting = pipeline.build(plan, Path(directory) / "c", profile=True)
                    with pipeline.connect(board) as device:
                        device.flash(firmware)
                        count = board.counter.count(device.measure(noise(graph).inputs[0]).ticks)
                        device.flash(counting)
                        steps = list(map(board.counter.count, device.step_ticks(noise(graph).inputs[0])))
            except FitError:
                continue
            found = estimate(plan, board)
            if found is None:
                rows.append((graph.name, board.cpu.core, f"{count:,}", "unknown kernels", "", "", ""))
                continue
            large = [
                (e / n - 1, s.kernel) for e, n, s in zip(found.steps, steps, plan.steps, strict=True) if n > count / 50
            ]
            off, kernel = max(large, key=lambda pair: abs(pair[0]))
            rows.append(
                (
                    graph.name,
                    board.cpu.core,
                    f"{count:,}",
                    f"{found.instructions:,}",
                    f"{found.instructions / count - 1:+.1%}",
                    f"± {found.error:.1%}",
                    f"{off:+.0%} {kernel}",
                )
            )
    yield from table(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--board", action="append", choices=BOARDS, help="one of the emulated boards; all by default")
    parser.add_argument("--fit", action="store_true", help="measure and fit, instead of comparing")
    options = parser.parse_args(arguments)
    boards = options.board or BOARDS
    if options.fit:
        start = time.monotonic()
        print("\n".join(fit_all(boards)))
        print(f"\n{time.monotonic() - start:.0f} s")
    else:
        print("\n".join(errors(options.models, boards)))


if __name__ == "__main__":
    main()
