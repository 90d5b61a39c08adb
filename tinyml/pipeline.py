"""The verbs of the SDK, each a few lines: a model file to a Graph, a Plan, a Firmware, a Device, a verification."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from codegen import generate, select_kernels
from tinyml import importers
from tinyml.board import Board, load_board
from tinyml.costs import cost_model, kernel_flash
from tinyml.device import device as devices
from tinyml.device.device import Device
from tinyml.errors import FitError, ToolchainError, UnsupportedError, UsageError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.exports import export as export
from tinyml.exports import export_onnx as export_onnx
from tinyml.exports import export_tflm as export_tflm
from tinyml.firmware import Firmware, build_firmware
from tinyml.importers import Shapes
from tinyml.importers.from_tflite import is_restated
from tinyml.interpreter import run
from tinyml.ir import Graph, Tensor, require_graph, shown
from tinyml.ir import verify as verify_stage
from tinyml.passes import Saving, optimize
from tinyml.profiler.bisection import Bisection, bisect_device
from tinyml.profiler.profile import Profile, noise, profile_devices
from tinyml.profiler.reference import reference_outputs
from tinyml.profiler.verification import Progress, Verification, accuracy, verify_device
from tinyml.quantizer import quantize
from tinyml.quantizer.calibration import Source
from tinyml.remedies import remedies
from tinyml.samples import Samples, made_up_samples, real_inputs
from tinyml.scheduler import Plan, Preference
from tinyml.scheduler.choice import FIRMWARE_BYTES, Wishes, choose_front, choose_plan
from tinyml.scheduler.fit import require_arena_fits
from tinyml.scheduler.plan import OPTIMIZE
from tinyml.toolchain import Toolchain, find_toolchain
from tinyml.tuning import KernelOrder, Rounds, Tuning, measurements
from tinyml.tuning.cache import any_measurements
from tinyml.tuning.rounds import compared

log = logging.getLogger(__name__)

BISECT_SAMPLES = 5


def load(
    path: str | Path,
    *,
    shapes: Shapes | None = None,
    calibration: Source = None,
    pixels: str | None = None,
    progress: Progress | None = None,
    report: list[Saving] | None = None,
    **precision: Any,
) -> Graph:
    """The int8 graph of a model file, optimized.

    Float inputs and outputs around an int8 body become int8. shapes: of inputs, as `importers.load` takes them.
    calibration, pixels: with what to quantize a float model, as `quantizer.calibration_data` takes them; an int8 model
    does not look at them. precision: int16, int4, flash_budget, min_sqnr_db, as `quantize` takes them. report: gets
    what each pass saved, as `optimize` gives it.
    Raises ModelError, UnsupportedError, UsageError.
    """
    graph = read(path, report, shapes=shapes)
    floats = float_activations(graph)
    if floats and calibration is not None:
        graph = quantize(graph, calibration, pixels=pixels, progress=progress, report=report, **precision)
    elif floats:
        raise UnsupportedError(
            f"{path} is a float model: {len(floats)} of its activations are float32, {shown(floats[0].name)} first",
            f"tinyml quantize {path} --data SAMPLES -o {Path(path).stem}_int8.tflite, or --calibrate SAMPLES here",
        )
    elif any(precision.values()):
        log.warning("%s is int8 already: int16, int4 and budgets are for float models, and do nothing here", path)
    return verify_stage(graph, "int8")


def read(path: str | Path, report: list[Saving] | None = None, *, shapes: Shapes | None = None) -> Graph:
    """The graph of a model file, float or int8, optimized.

    report: as in `optimize`. shapes: of inputs, as `importers.load` takes them.
    """
    return optimize(importers.load(Path(path), shapes), report)


def float_activations(graph: Graph) -> list[Tensor]:
    return [tensor for node in graph.nodes for tensor in node.outputs if tensor.dtype.is_float]


def plan(graph: Graph, board: str | Board = "host", *, toolchain: Toolchain | None = None, **wishes: Any) -> Plan:
    """The schedule of an int8 graph for a board. Raises FitError when its arena alone exceeds the memory.

    toolchain: whose measurements by `tune` count where there are any; the board's first by default.
    wishes: keep_inputs, feed, max_recompute, sram_bytes, optimize; see `tinyml.scheduler.choice.Wishes`.
    """
    require_graph(graph)
    target = load_board(board) if isinstance(board, str) else board
    return require_fit(schedule(graph, target, toolchain=toolchain, **wishes), target, **wishes)


def require_fit(plan: Plan, board: Board, **wishes: Any) -> Plan:
    """The plan itself. Raises FitError with remedies, which take seconds, when its arena exceeds the memory."""
    wanted = Wishes(**wishes)
    try:
        return require_arena_fits(plan, board.granting(wanted.sram_bytes).sram_bytes, board.name)
    except FitError as error:
        raise _with_remedies(error, plan, board, wanted) from None


def _with_remedies(error: FitError, plan: Plan, board: Board, wishes: Wishes) -> FitError:
    order = _preference(board, None, wishes.optimize)
    found = remedies(plan.model, board, wishes, plan.arena_bytes, order)
    hint = "\n   or: ".join(remedy.text for remedy in found) or error.hint
    return FitError(error.message, hint, [asdict(remedy) for remedy in found])


def schedule(graph: Graph, board: Board, *, toolchain: Toolchain | None = None, **wishes: Any) -> Plan:
    """As `plan`, whether the board's memory holds it or not."""
    wanted = Wishes(**wishes)
    return _scheduled(graph, board, _preference(board, toolchain, wanted.optimize), wanted)


def _scheduled(graph: Graph, board: Board, order: Preference, wishes: Wishes) -> Plan:
    return choose_plan(graph, select_kernels(graph, board.cpu.features), board, wishes, order)


def _preference(board: Board, toolchain: Toolchain | None, optimize: str) -> Preference:
    return kernel_flash(board.cpu.core) if optimize == "size" else kernel_order(board, toolchain, optimize)


def kernel_order(board: Board, toolchain: Toolchain | None = None, optimize: str = "balanced") -> KernelOrder:
    """How the fastest kernels are chosen for a board: by what `tune` measured with the compiler, else by estimates."""
    measured = None
    if any_measurements(board):
        with contextlib.suppress(ToolchainError):  # a plan needs no compiler
            measured = measurements(board, toolchain or find_toolchain(board), OPTIMIZE[optimize])
    return KernelOrder(cost_model(board.cpu.core), measured)


def kernel_choice(plan: Plan, board: Board, toolchain: Toolchain | None = None) -> str:
    """How the kernels of a plan for a board were chosen: for "size", or see `KernelOrder.basis`.

    toolchain: as of `plan`.
    """
    if plan.optimize == "size":
        return "size"
    return kernel_order(board, toolchain, plan.optimize).basis(plan)


def tune(
    model: str | Path | Graph,
    board: str | Board,
    *,
    port: str | None = None,
    toolchain: Toolchain | None = None,
    progress: Callable[[int, int | None], object] | None = None,
    **wishes: Any,
) -> Tuning:
    """Measures, on the board, the kernels that could run each layer, and keeps the counts for `plan` and `build`.

    Builds a firmware for every round of kernels that are not measured yet; none where all are. wishes: as of `plan`.
    progress: called with the number of firmwares measured so far, and None.
    Raises what `load`, `plan`, `build` and `connect` raise; UsageError for the host, and where nothing can be kept.
    """
    target = load_board(board) if isinstance(board, str) else board
    if target.counter.unit == "nanoseconds":
        raise UsageError(f"{target.name} counts nanoseconds, which no two runs repeat", hint="tune on a board")
    compiler, wanted = toolchain or find_toolchain(target), Wishes(**wishes)
    if wanted.optimize == "size":
        raise UsageError("kernels for the least flash are not chosen by counts", hint="tune for balanced or speed")
    graph = model if isinstance(model, Graph) else load(model)
    measured = measurements(target, compiler, OPTIMIZE[wanted.optimize])
    rounds, builds = Rounds(measured), 0
    default = require_fit(_scheduled(graph, target, KernelOrder(cost_model(target.cpu.core), None), wanted), target)
    candidate = default
    while True:
        if rounds.fresh(candidate):
            measured.save()  # what cannot be kept need not be measured
            rounds.record(candidate, _step_counts(candidate, compiler, port))
            builds += 1
            if progress is not None:
                progress(builds, None)
        elif candidate is not default and not rounds.settle(candidate):
            break
        candidate = _scheduled(graph, target, rounds.order, wanted)
    if builds:
        measured.save()
    tuned = _scheduled(graph, target, KernelOrder(cost_model(target.cpu.core), measured), wanted)
    return compared(tuned, default, measured, builds)


def _step_counts(schedule: Plan, toolchain: Toolchain, port: str | None) -> list[int]:
    if schedule.board is not None:
        devices.require_reachable(schedule.board, port)
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        firmware = build(schedule, Path(directory) / "counting", toolchain=toolchain, profile=True)
        with connect(firmware.board, port) as device:
            device.flash(firmware)
            return list(map(firmware.board.counter.count, device.step_ticks(noise(schedule.graph).inputs[0])))


def pareto(graph: Graph, board: str | Board = "host", **wishes: Any) -> Iterator[Plan]:
    """Schedules for a board of ever smaller arena and ever more work, fitting or not; first all with a resident input.

    wishes: as of `plan`. max_recompute bounds the work; sram_bytes does not matter.
    """
    target = load_board(board) if isinstance(board, str) else board
    kernels, wanted = select_kernels(graph, target.cpu.features), Wishes(**wishes)
    return choose_front(graph, kernels, target, wanted, _preference(target, None, wanted.optimize))


def build(
    plan: Plan,
    output_dir: str | Path,
    *,
    board: str | Board | None = None,
    toolchain: Toolchain | None = None,
    profile: bool = False,
    force: bool = False,
) -> Firmware:
    """A complete firmware project in `output_dir`, compiled and linked. Written whole or not at all.

    The graph lies in it as a .tflite file, unless TFLite cannot state it.
    profile: counts every step; costs 4 bytes of SRAM a step. force: replaces files that were edited since they were
    written, which is a UsageError without. Raises FitError, ToolchainError, UsageError.
    """
    target = load_board(board) if isinstance(board, str) else board or plan.board or load_board("host")
    tflite = _stated(plan.model)
    try:
        return build_firmware(
            generate(plan),
            target,
            Path(output_dir),
            toolchain=toolchain,
            profile=profile,
            optimize=OPTIMIZE[plan.optimize],
            tflite=tflite,
            force=force,
        )
    except FitError as error:
        if plan.arena_bytes + plan.state_bytes <= target.sram_bytes - FIRMWARE_BYTES:
            raise  # it is not the arena
        feed = "resident" if plan.fed is None else "rows"
        wishes = Wishes(keep_inputs=plan.keeps_input, feed=feed, optimize=plan.optimize)
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
        an int8 .tflite file itself, and the firmware's .tflite for everything else, also for files that it misreads. A
        float model runs, too, where the samples have labels, for its accuracy.
    """
    original = model if isinstance(model, Graph) else read(model)
    quantized = bool(float_activations(original))
    given = None if quantized or isinstance(model, Graph) else Path(model)
    stated = given is not None and given.suffix.lower() == ".tflite" and not is_restated(given.read_bytes())
    file = given if stated else firmware.tflite
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
    return profile_plan(plan(graph, board, toolchain=toolchain, **wishes), samples, port=port, toolchain=toolchain)


def profile_plan(
    schedule: Plan,
    samples: Samples | None = None,
    *,
    counting: Firmware | None = None,
    port: str | None = None,
    toolchain: Toolchain | None = None,
) -> Profile:
    """As `profile`, of a plan for a board. counting: its firmware with profile=True, where that is built already."""
    if schedule.board is not None:
        devices.require_reachable(schedule.board, port)
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
    devices.require_reachable(target, port)
    graph = model if isinstance(model, Graph) else load(model)
    chosen = plan(graph, target, toolchain=toolchain, **wishes)
    with tempfile.TemporaryDirectory(prefix="tinyml-") as directory:
        sources = generate(chosen, trace=True)
        level = OPTIMIZE[chosen.optimize]
        firmware = build_firmware(sources, target, Path(directory) / "traced", toolchain=toolchain, optimize=level)
        with connect(target, port) as device:
            device.flash(firmware)
            return bisect_device(device, chosen, target, samples or made_up_samples(graph, BISECT_SAMPLES))
