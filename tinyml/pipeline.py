"""The verbs of the SDK, each a few lines: a model file to a Graph, a Plan, a Firmware, a Device, a verification."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from codegen import generate, select_kernels
from tinyml import importers
from tinyml.board import Board, load_board
from tinyml.device import device as devices
from tinyml.device.device import Device
from tinyml.errors import FitError, UnsupportedError, UsageError
from tinyml.exporters.patch_search import MAX_RECOMPUTE, Patching, best_patching
from tinyml.exporters.to_tflite import to_tflite
from tinyml.firmware import Firmware, build_firmware
from tinyml.importers import Shapes
from tinyml.interpreter import run
from tinyml.ir import Graph, Tensor, shown
from tinyml.ir import verify as verify_stage
from tinyml.output import file_written_whole
from tinyml.passes import Saving, optimize
from tinyml.profiler.bisection import Bisection, bisect_device
from tinyml.profiler.profile import Profile, profile_devices
from tinyml.profiler.reference import reference_outputs, tflm_arena_bytes
from tinyml.profiler.verification import Progress, Verification, accuracy, verify_device
from tinyml.quantizer import quantize
from tinyml.quantizer.calibration import Source
from tinyml.remedies import remedies
from tinyml.samples import Samples, made_up_samples, real_inputs
from tinyml.scheduler import Plan
from tinyml.scheduler.choice import FIRMWARE_BYTES, Wishes, choose_front, choose_plan
from tinyml.scheduler.fit import require_arena_fits
from tinyml.toolchain import Toolchain

log = logging.getLogger(__name__)

BISECT_SAMPLES = 5
EXPORT_SAMPLES = 5  # made up, on which TFLM must compute the same from a patched model as from the original


def load(
    path: str | Path,
    *,
    shapes: Shapes | None = None,
    calibration: Source = None,
    pixels: str | None = None,
    progress: Progress | None = None,
    report: list[Saving] | None = None,
) -> Graph:
    """The int8 graph of a model file, optimized.

    Float inputs and outputs around an int8 body become int8. shapes: of inputs, as `importers.load` takes them.
    calibration, pixels: with what to quantize a float model, as `quantizer.calibration_data` takes them; an int8 model
    does not look at them. report: gets what each pass saved, as `optimize` gives it.
    Raises ModelError, UnsupportedError, UsageError.
    """
    graph = read(path, report, shapes=shapes)
    floats = float_activations(graph)
    if floats and calibration is not None:
        graph = quantize(graph, calibration, pixels=pixels, progress=progress, report=report)
    elif floats:
        raise UnsupportedError(
            f"{path} is a float model: {len(floats)} of its activations are float32, {shown(floats[0].name)} first",
            f"tinyml quantize {path} --data SAMPLES -o {Path(path).stem}_int8.tflite, or --calibrate SAMPLES here",
        )
    return verify_stage(graph, "int8")


def read(path: str | Path, report: list[Saving] | None = None, *, shapes: Shapes | None = None) -> Graph:
    """The graph of a model file, float or int8, optimized.

    report: as in `optimize`. shapes: of inputs, as `importers.load` takes them.
    """
    return optimize(importers.load(Path(path), shapes), report)


def float_activations(graph: Graph) -> list[Tensor]:
    return [tensor for node in graph.nodes for tensor in node.outputs if tensor.dtype.is_float]


def plan(graph: Graph, board: str | Board = "host", **wishes: Any) -> Plan:
    """The schedule of an int8 graph for a board. Raises FitError when its arena alone exceeds the memory.

    wishes: keep_inputs, feed, max_recompute, sram_bytes; see `tinyml.scheduler.choice.Wishes`.
    """
    target = load_board(board) if isinstance(board, str) else board
    return require_fit(schedule(graph, target, **wishes), target, **wishes)


def require_fit(plan: Plan, board: Board, **wishes: Any) -> Plan:
    """The plan itself. Raises FitError with remedies, which take seconds, when its arena exceeds the memory."""
    wanted = Wishes(**wishes)
    try:
        return require_arena_fits(plan, board.granting(wanted.sram_bytes).sram_bytes, board.name)
    except FitError as error:
        raise _with_remedies(error, plan, board, wanted) from None


def _with_remedies(error: FitError, plan: Plan, board: Board, wishes: Wishes) -> FitError:
    found = remedies(plan.model, board, wishes, plan.arena_bytes)
    hint = "\n   or: ".join(remedy.text for remedy in found) or error.hint
    return FitError(error.message, hint, [asdict(remedy) for remedy in found])


def schedule(graph: Graph, board: Board, **wishes: Any) -> Plan:
    """As `plan`, whether the board's memory holds it or not."""
    return choose_plan(graph, select_kernels(graph, board.cpu.features), board, Wishes(**wishes))


def pareto(graph: Graph, board: str | Board = "host", **wishes: Any) -> Iterator[Plan]:
    """Schedules for a board of ever smaller arena and ever more work, fitting or not; first all with a resident input.

    wishes: as of `plan`. max_recompute bounds the work; sram_bytes does not matter.
    """
    target = load_board(board) if isinstance(board, str) else board
    return choose_front(graph, select_kernels(graph, target.cpu.features), target, Wishes(**wishes))


def build(
    plan: Plan,
    output_dir: str | Path,
    *,
    board: str | Board | None = None,
    toolchain: Toolchain | None = None,
    profile: bool = False,
) -> Firmware:
    """A complete firmware project in `output_dir`, compiled and linked. Written whole or not at all.

    The graph lies in it as a .tflite file, unless TFLite cannot state it.
    profile: counts every step; costs 4 bytes of SRAM a step. Raises FitError, ToolchainError, UsageError.
    """
    target = load_board(board) if isinstance(board, str) else board or plan.board or load_board("host")
    tflite = _stated(plan.model)
    try:
        return build_firmware(
            generate(plan), target, Path(output_dir), toolchain=toolchain, profile=profile, tflite=tflite
        )
    except FitError as error:
        if plan.arena_bytes <= target.sram_bytes - FIRMWARE_BYTES:
            raise  # it is not the arena
        wishes = Wishes(keep_inputs=plan.keeps_input, feed="resident" if plan.fed is None else "rows")
        raise _with_remedies(error, plan, target, wishes) from None


def _stated(graph: Graph) -> bytes | None:
    try:
        return to_tflite(graph)
    except UnsupportedError as error:  # a padded average, say, as PyTorch counts it
        log.info("no .tflite in the project: %s", error)
        return None


def connect(board: str | Board, port: str | None = None) -> Device:
    """The board's emulator, process or serial port, as a context manager. Raises DeviceError, ToolchainError."""
    return devices.connect(load_board(board) if isinstance(board, str) else board, port)


def test(
    firmware: Firmware,
    graph: Graph,
    model: str | Path | Graph,
    samples: Samples,
    *,
    port: str | None = None,
    reference: str = "auto",
    progress: Progress | None = None,
) -> Verification:
    """Flashes the firmware, runs every sample on the device and compares it with the reference, value by value.

    model: what `graph` was made from: a file, or a graph as `read` and `from_torch` give it. TensorFlow Lite Micro runs
        an int8 .tflite file itself, and the firmware's .tflite for everything else. A float model runs, too, where the
        samples have labels, for its accuracy.
    """
    original = model if isinstance(model, Graph) else read(model)
    quantized = bool(float_activations(original))
    given = None if quantized or isinstance(model, Graph) else Path(model)
    file = given if given and given.suffix.lower() == ".tflite" else firmware.tflite
    name, expected = reference_outputs(graph, file, samples.inputs, reference)
    float_accuracy = _float_accuracy(original, graph, samples) if quantized else None
    with connect(firmware.board, port) as device:
        device.flash(firmware)
        verdict = verify_device(device, firmware, samples, expected, name, progress)
    return replace(verdict, float_accuracy=float_accuracy)


def _float_accuracy(original: Graph, graph: Graph, samples: Samples) -> float | None:
    if samples.labels is None:
        return None
    return accuracy([run(original, sample) for sample in real_inputs(samples, graph)], samples.labels)


def profile(
    model: str | Path | Graph,
    board: str | Board = "host",
    samples: Samples | None = None,
    *,
    port: str | None = None,
    toolchain: Toolchain | None = None,
    **wishes: Any,
) -> Profile:
    """What every step of an int8 model costs on a board: builds it in a temporary directory, with and without counters.

    samples: counts are means over them; by default one sample of seeded noise. wishes: as `plan` takes them.
    Raises what `load`, `plan`, `build` and `connect` raise.
    """
    graph = model if isinstance(model, Graph) else load(model)
    return profile_plan(plan(graph, board, **wishes), samples, port=port, toolchain=toolchain)


def profile_plan(
    schedule: Plan,
    samples: Samples | None = None,
    *,
    counting: Firmware | None = None,
    port: str | None = None,
    toolchain: Toolchain | None = None,
) -> Profile:
    """As `profile`, of a plan for a board. counting: its firmware with profile=True, where that is built already."""
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        plain = build(schedule, Path(directory) / "plain", toolchain=toolchain)
        counted = counting or build(schedule, Path(directory) / "counting", toolchain=toolchain, profile=True)
        pairs = [(firmware, connect(firmware.board, port)) for firmware in (plain, counted)]
        return profile_devices(schedule, pairs[0], pairs[1], samples)


def bisect(
    model: str | Path | Graph,
    board: str | Board = "host",
    samples: Samples | None = None,
    *,
    port: str | None = None,
    toolchain: Toolchain | None = None,
    **wishes: Any,
) -> Bisection:
    """The first layer that computes other values on a board than in the interpreter, inside fused groups too.

    Builds a firmware that sums up what each step writes (4 bytes of SRAM a step, some code) in a temporary directory.
    samples: looked at until one differs; by default BISECT_SAMPLES made up. wishes: as `plan` takes them.
    Raises what `load`, `plan`, `build` and `connect` raise.
    """
    target = load_board(board) if isinstance(board, str) else board
    graph = model if isinstance(model, Graph) else load(model)
    chosen = plan(graph, target, **wishes)
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        sources = generate(chosen, trace=True)
        firmware = build_firmware(sources, target, Path(directory) / "traced", toolchain=toolchain)
        with connect(target, port) as device:
            device.flash(firmware)
            return bisect_device(device, chosen, target, samples or made_up_samples(graph, BISECT_SAMPLES))


def export(
    graph: Graph, file: str | Path, *, patched: bool = False, max_recompute: float = MAX_RECOMPUTE
) -> Patching | None:
    """Writes an int8 graph as a .tflite file, whole or not at all; returns how it was patched, where that was asked.

    patched: the first layers run patch by patch where that makes the arena of TensorFlow Lite Micro smaller, measured
        here; written only after TFLM gave the graph's own bytes from it on made-up samples.
    max_recompute: bound on the multiply-accumulates that patches execute, as a multiple of the graph's own.
    Raises UsageError, UnsupportedError; CheckError where TFLM does not run the graph.
    """
    path = Path(file)
    if path.suffix != ".tflite":
        raise UsageError(f"{path} does not end in .tflite", hint=f"{path.stem or 'model'}.tflite")

    if not max_recompute >= 1:
        raise UsageError(f"max_recompute is {max_recompute}; 1 is no work done twice, 1.5 half of it")

    def measure(candidate: Graph) -> int:
        return tflm_arena_bytes(graph.name, to_tflite(candidate))

    patching = best_patching(graph, measure, max_recompute) if patched else None
    with file_written_whole(path) as fresh:
        fresh.write_bytes(to_tflite(patching.graph if patching else graph))
        if patching:
            reference_outputs(graph, fresh, made_up_samples(graph, EXPORT_SAMPLES).inputs, "tflm")
    return patching
