"""The verbs of the SDK, each a few lines: a model file to a Graph, a Plan, a Firmware, a Device, a verification."""

from __future__ import annotations

import tempfile
from pathlib import Path

from codegen import generate, select_kernels
from tinyml import importers
from tinyml.board import Board, load_board
from tinyml.device import device as devices
from tinyml.device.device import Device
from tinyml.errors import UnsupportedError, UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.firmware import Firmware, build_firmware
from tinyml.ir import Graph, Tensor, shown
from tinyml.ir import verify as verify_stage
from tinyml.passes import optimize
from tinyml.profiler.reference import reference_outputs
from tinyml.profiler.verification import Progress, Verification, verify_device
from tinyml.quantizer import quantize
from tinyml.quantizer.calibration import Source
from tinyml.samples import Samples
from tinyml.scheduler import Plan, make_plan
from tinyml.scheduler.fit import require_arena_fits
from tinyml.toolchain import Toolchain

FEEDS = ("auto", "resident", "rows")
FIRMWARE_BYTES = 2048  # SRAM to leave for stack and static data when choosing a feed: more than any build so far took


def load(
    path: str | Path,
    *,
    calibration: Source = None,
    pixels: str | None = None,
    progress: Progress | None = None,
) -> Graph:
    """The int8 graph of a model file, optimized.

    Float inputs and outputs around an int8 body become int8. calibration, pixels: with what to quantize a float model,
    as `quantizer.calibration_data` takes them; an int8 model does not look at them.
    Raises ModelError, UnsupportedError, UsageError.
    """
    graph = read(path)
    floats = float_activations(graph)
    if floats and calibration is not None:
        graph = quantize(graph, calibration, pixels=pixels, progress=progress)
    elif floats:
        raise UnsupportedError(
            f"{path} is a float model: {len(floats)} of its activations are float32, {shown(floats[0].name)} first",
            f"tinyml quantize {path} --data SAMPLES -o {Path(path).stem}_int8.tflite, or --calibrate SAMPLES here",
        )
    return verify_stage(graph, "int8")


def read(path: str | Path) -> Graph:
    """The graph of a model file, float or int8, optimized."""
    return optimize(importers.load(Path(path)))


def float_activations(graph: Graph) -> list[Tensor]:
    return [tensor for node in graph.nodes for tensor in node.outputs if tensor.dtype.is_float]


def plan(graph: Graph, board: str | Board = "host", *, keep_inputs: bool = False, feed: str = "auto") -> Plan:
    """The schedule of an int8 graph for a board. Raises FitError when its arena alone exceeds the board's SRAM.

    keep_inputs: the input buffers survive an inference, so that it can be repeated; costs memory.
    feed: "resident": the application fills the whole input, then runs the model; "rows": it pushes the input's rows and
        the model never holds them all; "auto": resident where that fits, else rows.
    """
    target = load_board(board) if isinstance(board, str) else board
    chosen = schedule(graph, target, keep_inputs=keep_inputs, feed=feed)
    return require_arena_fits(chosen, target.sram_bytes, target.name)


def schedule(graph: Graph, board: Board, *, keep_inputs: bool = False, feed: str = "auto") -> Plan:
    """As `plan`, whether the board's memory holds it or not."""
    if feed not in FEEDS:
        raise UsageError(f"feed {feed!r} is none of {', '.join(FEEDS)}")
    if feed == "rows" and keep_inputs:
        raise UsageError("an input that is fed by rows is never held, so it cannot be kept")
    kernels = select_kernels(graph, board.cpu.features)
    if feed == "rows":
        return make_plan(graph, kernels, board=board, feed_rows=True)
    resident = make_plan(graph, kernels, keep_inputs, board)
    if feed == "resident" or keep_inputs or resident.arena_bytes + FIRMWARE_BYTES <= board.sram_bytes:
        return resident
    try:
        fed = make_plan(graph, kernels, board=board, feed_rows=True)
    except UnsupportedError:
        return resident
    return min(resident, fed, key=lambda plan: plan.arena_bytes)


def build(
    plan: Plan,
    output_dir: str | Path,
    *,
    board: str | Board | None = None,
    toolchain: Toolchain | None = None,
    profile: bool = False,
) -> Firmware:
    """A complete firmware project in `output_dir`, compiled and linked. Written whole or not at all.

    profile: counts every step; costs 4 bytes of SRAM a step. Raises FitError, ToolchainError, UsageError.
    """
    target = load_board(board) if isinstance(board, str) else board or plan.board or load_board("host")
    return build_firmware(generate(plan), target, Path(output_dir), toolchain=toolchain, profile=profile)


def connect(board: str | Board, port: str | None = None) -> Device:
    """The board's emulator, process or serial port, as a context manager. Raises DeviceError, ToolchainError."""
    return devices.connect(load_board(board) if isinstance(board, str) else board, port)


def test(
    firmware: Firmware,
    graph: Graph,
    model: str | Path,
    samples: Samples,
    *,
    port: str | None = None,
    reference: str = "auto",
    progress: Progress | None = None,
) -> Verification:
    """Flashes the firmware, runs every sample on the device and compares it with the reference, value by value.

    model: the file of the graph. If that is float, the reference gets the int8 graph as a .tflite.
    """
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        file = Path(model)
        if float_activations(read(file)):
            file = Path(directory) / f"{file.stem}.tflite"
            file.write_bytes(to_tflite(graph))
        name, expected = reference_outputs(graph, file, samples.inputs, reference)
    with connect(firmware.board, port) as device:
        device.flash(firmware)
        return verify_device(device, firmware, samples, expected, name, progress)
