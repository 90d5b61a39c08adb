"""Instructions of one inference on an emulated board, per compiler and optimization, beside the peers' published stack.

python -m benchmarks.instructions [--board NAME] [--layers] [--peer DIRECTORY] [MODEL ...]

--peer runs DIRECTORY/<model>.elf of another stack on the same emulated board instead of quoting its published count: a
firmware that runs one inference and prints a line "instructions: N" on its serial port or by semihosting.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

from benchmarks.fusion import EXAMPLES, table
from codegen import generate
from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.device.device import Device
from tinyml.errors import ToolchainError, UsageError
from tinyml.firmware import Firmware, build_firmware
from tinyml.ir import Array, Graph
from tinyml.samples import made_up_samples
from tinyml.scheduler import Plan
from tinyml.toolchain import Toolchain, installed_toolchains

OPTIMIZE = ("-O2", "-O3")
PEER_TIMEOUT_S = 600
HEADINGS = ("model", "instructions", "per MAC", "TFLM + CMSIS-NN", "compiler", "code", "constants", "arena", "stack")

# TensorFlow Lite Micro of 2026-08 with CMSIS-NN of 2026-07, int8 registrations only, arm-none-eabi-gcc 12.2, the better
# of -O2 and -O3: instructions of one inference, counted by qemu-system-arm 7.2 on the same machines as here.
TFLM_CMSIS_NN = {
    "qemu_mps2_an386": {
        "kws_int8": 7_696_000,
        "vww_96_int8": 24_101_516,
        "resnet8_int8": 29_862_967,
        "ad01_int8": 582_338,
        "streaming_ww_int8": 2_225_930,
        "mcunet_vww_80": 48_625_194,
    },
    "qemu_mps2_an500": {
        "kws_int8": 7_759_756,
        "vww_96_int8": 24_483_882,
        "resnet8_int8": 29_937_519,
        "ad01_int8": 582_639,
        "streaming_ww_int8": 2_187_254,
        "mcunet_vww_80": 48_403_312,
    },
    "qemu_mps3_an547": {
        "kws_int8": 1_783_751,
        "vww_96_int8": 6_433_573,
        "resnet8_int8": 4_811_072,
        "ad01_int8": 149_980,
        "streaming_ww_int8": 410_611,
        "mcunet_vww_80": 11_828_763,
    },
}


@dataclass(frozen=True)
class Count:
    """One build's cost; per layer only where that was asked for. layers: (step, count)."""

    toolchain: Toolchain
    optimize: str
    firmware: Firmware
    count: int
    layers: tuple[tuple[str, int], ...]


def counts(plan: Plan, graph: Graph, board: Board, layers: bool) -> Iterator[Count]:
    """Every compiler that is installed with every optimization; raises what the pipeline raises."""
    sample = made_up_samples(graph, 4).inputs[3]
    for toolchain in installed_toolchains(board):
        for optimize in OPTIMIZE:
            with TemporaryDirectory() as directory, pipeline.connect(board) as device:
                firmware = build_firmware(
                    generate(plan), board, Path(directory) / "f", toolchain=toolchain, optimize=optimize, profile=layers
                )
                device.flash(firmware)
                count = board.counter.count(device.measure(sample).ticks)
                found = _layers(plan, board, device, sample) if layers else ()
                yield Count(toolchain, optimize, firmware, count, found)


def _layers(plan: Plan, board: Board, device: Device, sample: Sequence[Array]) -> tuple[tuple[str, int], ...]:
    ticks = device.step_ticks(sample)
    return tuple(
        (f"{step.kernel.name} {'x'.join(map(str, step.node.output.hwc))}", board.counter.count(count))
        for step, count in zip(plan.steps, ticks, strict=True)
    )


def peer_count(board: Board, elf: Path) -> int:
    """What another stack's firmware prints as its count. Raises ToolchainError where it prints none in time."""
    if board.emulator is None:
        raise UsageError(f"{board.name} is not emulated")
    command = [*board.emulator, "-serial", "stdio", "-semihosting-config", "enable=on,target=native"]
    with subprocess.Popen([*command, "-kernel", elf], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        guard = Timer(PEER_TIMEOUT_S, process.kill)
        guard.start()
        try:
            for line in process.stdout:
                if found := re.search(rb"instructions:\s*([0-9]+)", line):
                    return int(found[1])
        finally:
            guard.cancel()
            process.kill()
    raise ToolchainError(f"{elf} printed no line 'instructions: N' within {PEER_TIMEOUT_S} s")


def cells(graph: Graph, plan: Plan, board: Board, best: Count, peers: Path | None) -> tuple[str, ...]:
    elf = peers / f"{graph.name}.elf" if peers else None
    found = elf is not None and elf.is_file()
    peer = peer_count(board, elf) if elf and found else TFLM_CMSIS_NN.get(board.name, {}).get(graph.name)
    sections = best.firmware.sections
    return (
        graph.name,
        f"{best.count:,}",
        f"{best.count / max(graph.macs, 1):.2f}",
        f"{peer:,} ({peer / best.count:.2f} x{', run here' if found else ''})" if peer else "",
        f"{best.toolchain.name} {best.optimize}",
        f"{sections.code_bytes:,}",
        f"{sections.weights_bytes:,}",
        f"{plan.arena_bytes:,}",
        f"{sections.stack_bytes:,}",
    )


def layer_table(plan: Plan, best: Count) -> Iterator[str]:
    rows = [("layer", "count", "per MAC", "per output")]
    for step, (label, count) in zip(plan.steps, best.layers, strict=True):
        macs = step.node.op.macs(step.node)
        per_mac = f"{count / macs:.2f}" if macs else ""
        rows.append((label, f"{count:,}", per_mac, f"{count / step.node.output.size:.1f}"))
    return table(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="instructions of one inference, the input resident")
    parser.add_argument("models", nargs="*", type=Path, default=EXAMPLES, metavar="MODEL")
    parser.add_argument("--board", default="qemu_mps2_an386", help="any emulated board")
    parser.add_argument("--layers", action="store_true", help="a breakdown by layer too")
    parser.add_argument("--peer", type=Path, metavar="DIRECTORY", help="ELFs of another stack, to run and not to quote")
    options = parser.parse_args(arguments)
    board = load_board(options.board)
    rows: list[tuple[str, ...]] = [HEADINGS]
    details: list[str] = []
    for path in options.models:
        graph = pipeline.load(path)
        plan = pipeline.schedule(graph, board, feed="resident")
        best = min(counts(plan, graph, board, options.layers), key=lambda count: count.count)
        rows.append(cells(graph, plan, board, best, options.peer))
        if options.layers:
            details += ["", f"{graph.name}, {best.toolchain.name} {best.optimize}", "", *layer_table(plan, best)]
    print(f"{board.name}, {board.counter.unit} per inference, the least of -O2 and -O3 and all compilers\n")
    print("\n".join([*table(rows), *details]))


if __name__ == "__main__":
    main()
