"""What every step of a model costs on a device: instructions or cycles, work done, memory alive.

Two firmwares of one plan run the same samples: one that counts every step, and the plain one that a user ships. The
difference of their totals is what counting costs; memory and flash are the plain one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from tinyml.costs import estimate
from tinyml.device.device import Device
from tinyml.firmware import Firmware
from tinyml.ir import Array, Graph, shown
from tinyml.samples import Samples, made_up_samples
from tinyml.scheduler import Plan, Step

COLUMNS = ("step", "op", "kernel", "output", "MACs", "calls", "count", "share", "per MAC", "live bytes", "layer")
_EXTREMES = 3  # made-up samples before the first one of noise


@dataclass(frozen=True)
class StepProfile:
    """One step of the schedule.

    number: its place in the plan, as TML_STEP_BEGIN(number) in the generated C.
    layer, op, kernel: the node's name, its op's kind, the C function.
    output_shape: NHWC.
    macs, macs_executed: multiply-accumulates of the layer, and those run: more where rows are computed again.
    calls: of the kernel with work to do: more than 1 in a fused group.
    count: in the profile's `unit`, mean over the samples, rounded; one reading of the counter in it per call, and calls
        without work (most fused steps have a few).
    share: count as a fraction of all steps' counts, 0 to 1.
    count_per_mac: count / macs_executed; None for a layer without multiply-accumulates.
    live_bytes: of the arena in use during the step, its scratch included.
    estimated_instructions: by the cost model (tinyml/costs), without those of reading the counter; None on the host.
    """

    number: int
    layer: str
    op: str
    kernel: str
    output_shape: tuple[int, ...]
    macs: int
    macs_executed: int
    calls: int
    count: int
    share: float
    count_per_mac: float | None
    live_bytes: int
    estimated_instructions: int | None


@dataclass(frozen=True)
class Profile:
    """A model's cost on a board, step by step. Steps stand in the order in which they run.

    samples: inferences that were counted; counts are means over them, rounded to whole numbers.
    unit: "instructions" on emulated boards, "cycles" on silicon, "nanoseconds" on the host (these vary from run to
        run, so that `counting_overhead` may even be negative there).
    count: per inference of the plain firmware.   counted: per inference of the firmware that counts steps.
    measured_sram_bytes: highest arena byte written, painted stack used, static data; of the plain firmware, as
        predicted_sram_bytes and flash_bytes are. The host has no stack in either.
    """

    model: str
    model_sha256: str
    board: str
    compiler: str
    unit: str
    samples: int
    steps: tuple[StepProfile, ...]
    count: int
    counted: int
    macs: int
    macs_executed: int
    arena_bytes: int
    predicted_sram_bytes: int
    measured_sram_bytes: int
    flash_bytes: int

    @property
    def counting_overhead(self) -> int:
        """What counting the steps adds to an inference, in `unit`."""
        return self.counted - self.count

    @cached_property
    def by_count(self) -> tuple[StepProfile, ...]:
        """The steps, the most expensive first."""
        return tuple(sorted(self.steps, key=lambda step: (-step.count, step.number)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `tinyml profile`; keys in docs/cli.md."""
        return {
            "board": self.board,
            "model": self.model,
            "model_sha256": self.model_sha256,
            "compiler": self.compiler,
            "samples": self.samples,
            "counter": {
                "unit": self.unit,
                "per_inference": self.count,
                "per_inference_counted": self.counted,
                "counting_overhead": self.counting_overhead,
            },
            "macs": self.macs,
            "macs_executed": self.macs_executed,
            "arena_bytes": self.arena_bytes,
            "predicted_sram_bytes": self.predicted_sram_bytes,
            "measured_sram_bytes": self.measured_sram_bytes,
            "flash_bytes": self.flash_bytes,
            "steps": [{**asdict(step), "output_shape": list(step.output_shape)} for step in self.steps],
        }

    def rows(self, top: int | None = None) -> list[tuple[object, ...]]:
        """Cells under COLUMNS: all steps in order, or the `top` most expensive ones, the first of them first."""
        return [_row(step) for step in (self.steps if top is None else self.by_count[:top])]

    def summary(self) -> str:
        """Three lines: what an inference costs, what counting cost, what memory it takes."""
        return "\n".join(
            (
                f"{self.count:,} {self.unit} per inference, {self.macs_executed:,} MACs executed of {self.macs:,}",
                f"counting the steps took {self.counting_overhead:,} {self.unit} more: {self.counted:,}",
                f"SRAM {self.measured_sram_bytes:,} bytes measured, {self.predicted_sram_bytes:,} predicted, "
                f"{self.arena_bytes:,} of them arena; flash {self.flash_bytes:,} bytes",
            )
        )

    def __str__(self) -> str:
        rows = [COLUMNS, *(tuple(map(_text, row)) for row in self.rows())]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join((f"{self.model} on {self.board} ({self.compiler})", *lines, self.summary()))


def profile_devices(
    plan: Plan, plain: tuple[Firmware, Device], counting: tuple[Firmware, Device], samples: Samples | None = None
) -> Profile:
    """Runs the samples on both firmwares of a plan, one after the other; each device is flashed here.

    samples: by default one of seeded noise. Raises DeviceError, LinkError; UsageError for a sample that does not fit.
    """
    inputs = (samples or noise(plan.graph)).inputs
    firmware, device = plain
    with device:
        device.flash(firmware)
        measured = [device.measure(sample) for sample in inputs]
    stack, arena = (max(getattr(m.peak, part) for m in measured) for part in ("stack_bytes", "arena_bytes"))
    counts, counted = _count_steps(*counting, inputs)
    count = firmware.board.counter.count
    return Profile(
        model=plan.graph.name,
        model_sha256=plan.graph.sha256,
        board=firmware.board.name,
        compiler=firmware.compiler,
        unit=firmware.board.counter.unit,
        samples=len(inputs),
        steps=_steps(plan, counts),
        count=_mean([count(m.ticks) for m in measured]),
        counted=counted,
        macs=plan.graph.macs,
        macs_executed=plan.macs_executed,
        arena_bytes=plan.arena_bytes,
        predicted_sram_bytes=firmware.sections.sram_bytes,
        measured_sram_bytes=arena + stack + firmware.sections.static_bytes,
        flash_bytes=firmware.sections.flash_bytes,
    )


def noise(graph: Graph) -> Samples:
    """One made-up sample: uniform noise from a fixed seed."""
    return Samples(made_up_samples(graph, _EXTREMES + 1).inputs[_EXTREMES:])


def _count_steps(
    firmware: Firmware, device: Device, inputs: Sequence[tuple[Array, ...]]
) -> tuple[tuple[int, ...], int]:
    """(count of every step, of a whole inference), means over the inputs."""
    count = firmware.board.counter.count
    runs: list[tuple[int, ...]] = []
    totals: list[int] = []
    with device:
        device.flash(firmware)
        for sample in inputs:
            runs.append(tuple(map(count, device.step_ticks(sample))))
            totals.append(count(device.ticks()))
    return tuple(_mean(column) for column in zip(*runs, strict=True)), _mean(totals)


def _mean(values: Sequence[int]) -> int:
    return round(sum(values) / len(values))


def _steps(plan: Plan, counts: Sequence[int]) -> tuple[StepProfile, ...]:
    total = max(1, sum(counts))
    found = estimate(plan, plan.board) if plan.board else None
    return tuple(
        StepProfile(
            number=number,
            layer=step.node.name,
            op=step.node.op.kind,
            kernel=step.kernel.name,
            output_shape=step.node.outputs[0].shape,
            macs=step.node.macs,
            macs_executed=step.macs_executed,
            calls=_calls(step),
            count=count,
            share=count / total,
            count_per_mac=count / step.macs_executed if step.macs_executed else None,
            live_bytes=plan.live_bytes(number),
            estimated_instructions=round(found.steps[number]) if found else None,
        )
        for number, (step, count) in enumerate(zip(plan.steps, counts, strict=True))
    )


def _calls(step: Step) -> int:
    strips = int((step.columns.end > step.columns.begin).sum()) if step.columns else 1
    return int(step.rows.active.sum()) * strips


def _row(step: StepProfile) -> tuple[object, ...]:
    shape = "x".join(map(str, step.output_shape[1:] or step.output_shape))
    share = f"{step.share:.1%}"
    per_mac = "" if step.count_per_mac is None else f"{step.count_per_mac:.2f}"
    what = (step.number, step.op, step.kernel, shape, step.macs_executed, step.calls)
    return (*what, step.count, share, per_mac, step.live_bytes, shown(step.layer))


def _text(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
