"""Random models as C: on the host under the sanitizers, and as firmware on a board."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path

from codegen import generate, select_kernels
from tests.host_c import compile_together, run_host
from tests.random_models import RandomModel, first_difference
from tinyml import pipeline
from tinyml.costs import kernel_flash
from tinyml.errors import FitError, TinymlError, UnsupportedError
from tinyml.interpreter import Inferences
from tinyml.profiler.verification import verify_device
from tinyml.samples import Samples
from tinyml.scheduler import Plan, make_plan
from tinyml.scheduler.plan import OPTIMIZE
from tinyml.scheduler.slicing import in_slices

BATCH, SAMPLES, RECOMPUTE = 20, 5, 1.5
Checked = Iterator[tuple[RandomModel, str]]


def check_c(models: Iterable[RandomModel], samples: int = SAMPLES) -> Checked:
    """(model, what is wrong or "") for each model: optimized, planned, generated, run; against the interpreter on the
    graph as it was imported. The plans differ from model to model: see `plan_variant`."""
    numbered = iter(enumerate(models))
    while batch := list(islice(numbered, BATCH)):
        yield from zip([model for _, model in batch], _check_batch(batch, samples), strict=True)


def plan_variant(model: RandomModel, number: int) -> Plan:
    """By the number: fused or layer by layer, inputs kept or not, fed by rows where the graph can be, or with rows
    computed again and blocks in slices; kernels as listed or those of the least flash."""
    graph = model.int8
    kernels = select_kernels(graph)
    keep_inputs = number % 4 == 1
    order = kernel_flash("cortex-m0") if number % 5 < 2 else None  # the host's code sizes are not known
    if number % 4 == 2:
        try:
            return make_plan(graph, kernels, feed_rows=True, order=order)
        except UnsupportedError:
            pass
    if number % 4 == 3:
        plan = make_plan(graph, kernels, max_recompute=RECOMPUTE, order=order)
        return in_slices(plan, kernels, RECOMPUTE, order=order)
    return make_plan(graph, kernels, keep_inputs, fuse=number % 3 != 0, order=order)


def _check_batch(batch: Sequence[tuple[int, RandomModel]], samples: int) -> list[str]:
    try:
        sources = [generate(plan_variant(model, number)) for number, model in batch]
        with tempfile.TemporaryDirectory() as name:
            program = compile_together(sources, Path(name))
            return [_differences(program, place, model, samples) for place, (_, model) in enumerate(batch)]
    except (AssertionError, TinymlError) as error:
        return [_check_batch([one], samples)[0] for one in batch] if len(batch) > 1 else [str(error)]


def _differences(program: Path, place: int, model: RandomModel, samples: int) -> str:
    try:
        outputs = run_host(program, model.int8, model.int8_samples(samples), place)
    except AssertionError as error:
        return str(error)
    found = [model.as_stated(row) for row in outputs]
    return first_difference(model.graph, found, model.expected(samples), "the interpreter")


def check_on_board(models: Iterable[RandomModel], board: str, samples: int = SAMPLES) -> Checked:
    """(model, what is wrong or "") for each model that fits a board: its firmware built, flashed, run and measured.

    Optimized for size, for speed and balanced in turn.
    """
    for model, optimize in zip(models, cycle(OPTIMIZE), strict=False):
        with tempfile.TemporaryDirectory() as name, suppress(FitError):
            yield model, _board_fault(model, board, samples, Path(name) / "firmware", optimize)


def _board_fault(model: RandomModel, board: str, samples: int, directory: Path, optimize: str) -> str:
    """Raises FitError for a model that does not fit."""
    rows = model.int8_samples(samples)
    inferences = Inferences(model.int8)
    expected = [inferences.run(row) for row in rows]
    try:
        firmware = pipeline.build(pipeline.plan(model.int8, board, optimize=optimize), directory)
        with pipeline.connect(board) as device:
            device.flash(firmware)
            verdict = verify_device(device, firmware, Samples(rows), expected, "interpreter")
    except FitError:
        raise
    except TinymlError as error:
        return str(error)
    if verdict.peak_sram_bytes > verdict.predicted_sram_bytes:
        return f"peak SRAM {verdict.peak_sram_bytes} bytes, predicted {verdict.predicted_sram_bytes}"
    return "" if verdict.bit_exact else str(verdict.first_mismatch)
