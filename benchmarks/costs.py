"""The cost model of the kernels: its error on the examples, and the measurements that it is fitted to.

python -m benchmarks.costs [MODEL ...]      estimated and counted instructions of one inference, per emulated core
python -m benchmarks.costs --fit            measures all kernels of the inventory, writes tinyml/costs/<core>.json
python -m benchmarks.costs --code           the same of their code sizes only, which --fit does, too
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.cost_code import code_sizes
from benchmarks.cost_fit import fit
from benchmarks.cost_layers import Layer, layers
from benchmarks.cost_measurement import batches, counted
from benchmarks.fusion import EXAMPLES, table
from codegen.kernels import KERNELS
from tests.profiler.nets import random_net
from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.costs import cost_model, estimate, kernel_sources, step_calls
from tinyml.costs.model import COSTS
from tinyml.costs.shapes import Terms
from tinyml.costs.terms import terms_of
from tinyml.errors import FitError
from tinyml.kernel import Types
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected
from tinyml.scheduler import Step
from tinyml.toolchain import find_toolchain

FITTED = ("qemu_mps2_an386", "qemu_mps3_an547", "qemu_microbit", "qemu_riscv32_virt")
BOARDS = (*FITTED, "qemu_mps2_an500")
SAMPLES, SAMPLES_OF_PRODUCTS, SAMPLES_OF_OTHER_TYPES, ALONE, NETWORKS = 36, 80, 20, 6, 16
_SRAM_LEFT, _MOST_BYTES = 5000, 100_000  # for the firmware around the layers; of a layer's tensors
_SMALL = 1000  # instructions: in layers below these what a compiler specialises says little
_FOLDED = 100  # instructions: what takes fewer was computed by the compiler


def _terms(layer: Layer) -> Terms:
    ((node, calls, idle),) = step_calls(Step(layer.node, layer.kernel, layer.rows))
    return {**terms_of(layer.kernel, node, calls), "idle": idle}


def chosen_layers(board: Board) -> list[Layer]:
    """Layers for every kernel that the board's core runs; a kernel of several ops gets some of each.

    Shuffled: a compiler specialises a function for one caller or a few, as in a model, and not for a hundred.
    """
    limit = min(board.sram_bytes - _SRAM_LEFT, _MOST_BYTES)
    found: list[Layer] = []
    for name in runs_on(board):
        variants = [kernel for kernel in KERNELS if kernel.name == name]
        products = issubclass(variants[0].op, (Conv2D, DepthwiseConv2D, FullyConnected))
        wanted = (
            SAMPLES_OF_OTHER_TYPES if variants[0].types != Types() else SAMPLES_OF_PRODUCTS if products else SAMPLES
        )
        each = -(-wanted // len(variants))
        rng = np.random.default_rng(crc32(name.encode()))
        found += [layer for kernel in variants for layer in layers(kernel, each, limit, rng)]
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


def firmwares(board: Board) -> list[list[Layer]]:
    """All layers in batches; behind them ALONE firmwares with one layer of each kernel, which compilers specialise."""
    found = chosen_layers(board)
    own: dict[str, list[Layer]] = {}
    for layer in found:
        own.setdefault(layer.kernel.name, []).append(layer)
    alone = [[several[number] for several in own.values() if number < len(several)] for number in range(ALONE)]
    return [*batches(found), *alone]


def _measured(board: str, number: int) -> list[int]:
    target = load_board(board)
    return counted(firmwares(target)[number], target, find_toolchain(target))


def runs_on(board: Board) -> list[str]:
    """Names of the kernels for a board's core."""
    return list(dict.fromkeys(kernel.name for kernel in KERNELS if kernel.requires <= board.cpu.features))


def costs_of(boards: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """By board and kernel name, as the files hold them; measured on all CPUs."""
    found = {board: firmwares(load_board(board)) for board in boards}
    jobs = [(board, number) for board in boards for number in range(len(found[board]))]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(jobs, pool.map(_measured, *zip(*jobs, strict=True)), strict=True))
    return {
        board: _costs([list(zip(layers, counts[board, n], strict=True)) for n, layers in enumerate(found[board])])
        for board in boards
    }


_Counted = list[tuple[Layer, int]]


def _costs(counted: Sequence[_Counted]) -> dict[str, dict[str, Any]]:
    """Of the kernels in the firmwares of a board."""
    together, alone = (_by_kernel(part) for part in (counted[:-ALONE], counted[-ALONE:]))
    costs = {}
    for name, rows in sorted(together.items()):
        own = fit([_terms(layer) for layer, _ in rows], [count for _, count in rows])
        pairs = [(count, own.instructions(_terms(layer))) for layer, count in alone[name]]
        large = [pair for pair in pairs if pair[1] > _SMALL]
        share = sum(count for count, _ in large) / sum(together for _, together in large) if large else 1.0
        costs[name] = {
            "factors": own.factors,
            "alone": round(min(1.0, share), 3),
            "error": own.error,
            "median_error": own.middle,
            "layers": own.samples,
        }
    return costs


def _by_kernel(firmwares: Sequence[_Counted]) -> dict[str, _Counted]:
    rows: dict[str, _Counted] = {}
    for layer, count in (row for firmware in firmwares for row in firmware):
        rows.setdefault(layer.kernel.name, []).append((layer, count))
    large = {name: [row for row in own if row[1] >= _FOLDED] for name, own in rows.items()}
    return {name: large[name] if len(large[name]) >= len(own) // 3 else own for name, own in rows.items()}


def fit_all(boards: Sequence[str]) -> Iterator[str]:
    """Writes the file of each board's core; yields what it found, a line per kernel."""
    files = {board: _facts(board, costs) for board, costs in costs_of(boards).items()}
    _write(files)
    with ProcessPoolExecutor(os.cpu_count()) as pool:  # processes that have not read the old files
        jobs = [(board, seed) for board in boards for seed in range(NETWORKS)]
        offs = dict(zip(jobs, pool.map(_network_off, *zip(*jobs, strict=True)), strict=True))
    for board, facts in files.items():
        facts["networks_error"] = round(max(off for (where, _), off in offs.items() if where == board), 4)
    _write(files)
    for facts in files.values():
        rows = [("kernel", "layers", "half within", "9 of 10 within")]
        rows += [
            (name, str(cost["layers"]), f"{cost['median_error']:.1%}", f"{cost['error']:.1%}")
            for name, cost in facts["kernels"].items()
        ]
        yield f"\n{facts['core']}, {facts['compiler']}: random networks within {facts['networks_error']:.1%}\n"
        yield from table(rows)


def _facts(board: str, costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    target = load_board(board)
    toolchain = find_toolchain(target)
    return {
        "core": target.cpu.core,
        "unit": target.counter.unit,
        "compiler": str(toolchain),
        "flags": " ".join(toolchain.compile_flags(target)),
        "kernel_sources": kernel_sources(),
        "networks_error": 0.0,
        "kernels": costs,
        "code": code_sizes(target, toolchain),
    }


def _write(files: Mapping[str, Mapping[str, Any]]) -> None:
    for facts in files.values():
        (COSTS / f"{facts['core']}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def measure_code(boards: Sequence[str]) -> Iterator[str]:
    """Renews the code sizes in the file of each board's core; yields a line for each."""
    for board in map(load_board, boards):
        path = COSTS / f"{board.cpu.core}.json"
        facts = json.loads(path.read_text(encoding="utf-8"))
        code = code_sizes(board, find_toolchain(board))
        _write({board.name: {**facts, "code": code}})
        total = sum(code["functions"].values())
        yield f"{board.cpu.core}: {len(code['kernels'])} kernels, {total:,} bytes of functions"


def _network_off(board: str, seed: int) -> float:
    """How far the estimate of a random network is off, relative; 0 for one that does not fit."""
    target = load_board(board)
    try:
        plan = pipeline.plan(random_net(seed), target)
        profile = pipeline.profile_plan(plan)
    except FitError:
        return 0.0
    found = estimate(plan, target)
    assert found is not None
    return abs(found.instructions / profile.count - 1)


def errors(models: Sequence[Path], boards: Sequence[str]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("model", "core", "counted", "estimated", "off", "stated", "worst layer above 2 %")]
    for path in models:
        graph = pipeline.load(path)
        for board in map(load_board, boards):
            try:
                plan = pipeline.plan(graph, board)
                profile = pipeline.profile_plan(plan)
            except FitError:
                continue
            found = estimate(plan, board)
            assert found is not None, "python -m benchmarks.costs --fit"
            large = [
                (e / s.count - 1, s.kernel) for e, s in zip(found.steps, profile.steps, strict=True) if s.share > 0.02
            ]
            off, kernel = max(large, key=lambda pair: abs(pair[0]))
            rows.append(
                (
                    graph.name,
                    board.cpu.core,
                    f"{profile.count:,}",
                    f"{found.instructions:,}",
                    f"{found.instructions / profile.count - 1:+.1%}",
                    f"± {found.error:.1%}",
                    f"{off:+.0%} {kernel}",
                )
            )
    yield from table(rows)
    for core in sorted({load_board(board).cpu.core for board in boards}):
        model = cost_model(core)
        measured = {model.sources, model.code.sources if model.code else None} if model else set()
        if measured - {kernel_sources()}:
            yield f"\n{core}: measured with other kernels than these; python -m benchmarks.costs --fit"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--board", action="append", choices=BOARDS, help="one of the emulated boards; all by default")
    parser.add_argument("--fit", action="store_true", help="measure and fit, instead of comparing")
    parser.add_argument("--code", action="store_true", help="measure the code sizes, instead of comparing")
    options = parser.parse_args(arguments)
    boards = options.board or (FITTED if options.fit or options.code else BOARDS)
    if options.fit or options.code:
        start = time.monotonic()
        print("\n".join(fit_all(boards) if options.fit else measure_code(boards)))
        print(f"\n{time.monotonic() - start:.0f} s")
    else:
        print("\n".join(errors(options.models, boards)))


if __name__ == "__main__":
    main()
