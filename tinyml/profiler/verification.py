"""Does a device compute what the reference computes, and what does it cost: outputs, accuracy, memory, time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyml.device.device import Device
from tinyml.firmware import Firmware
from tinyml.ir import Array
from tinyml.samples import Samples

Progress = Callable[[int, int], None]
MEASURED_SAMPLES = 2


@dataclass(frozen=True)
class Mismatch:
    """The first value that differs: sample, output and position by index, the value wanted and the one received."""

    sample: int
    output: int
    position: tuple[int, ...]
    expected: int
    received: int


@dataclass(frozen=True)
class Verification:
    """Result of running samples on a device.

    accuracy, reference_accuracy: fraction of samples whose greatest output is the label; None without labels.
    float_accuracy: the same of the float model that was quantized; None where there was none.
    peak_sram_bytes: measured: highest arena byte written, painted stack used, static data.
    counter_unit, counter_per_inference: see Counter.unit.
    """

    reference: str
    samples: int
    mismatched_values: int
    first_mismatch: Mismatch | None
    accuracy: float | None
    reference_accuracy: float | None
    peak_sram_bytes: int
    predicted_sram_bytes: int
    peak_arena_bytes: int
    peak_stack_bytes: int
    counter_unit: str
    counter_per_inference: int
    float_accuracy: float | None = None

    @property
    def bit_exact(self) -> bool:
        return self.mismatched_values == 0


def verify_device(
    device: Device,
    firmware: Firmware,
    samples: Samples,
    expected: Sequence[Sequence[Array]],
    reference: str,
    progress: Progress | None = None,
) -> Verification:
    """Runs every sample on the device and compares each output value with `expected`; measures memory and time.

    The samples of a model with states are a sequence from its start.
    """
    received = []
    device.forget()
    for number, sample in enumerate(samples.inputs):
        received.append(tuple(device.invoke(sample)))
        if progress:
            progress(number + 1, len(samples))
    measured = [device.measure(sample) for sample in samples.inputs[-MEASURED_SAMPLES:]]
    arena, stack = max(m.peak.arena_bytes for m in measured), max(m.peak.stack_bytes for m in measured)
    differing = [
        int((np.asarray(got) != want).sum())
        for outputs, wanted in zip(received, expected, strict=True)
        for got, want in zip(outputs, wanted, strict=True)
    ]
    return Verification(
        reference=reference,
        samples=len(samples),
        mismatched_values=sum(differing),
        first_mismatch=_first_mismatch(received, expected),
        accuracy=accuracy(received, samples.labels),
        reference_accuracy=accuracy(expected, samples.labels),
        peak_sram_bytes=arena + stack + firmware.sections.static_bytes,
        predicted_sram_bytes=firmware.sections.sram_bytes,
        peak_arena_bytes=arena,
        peak_stack_bytes=stack,
        counter_unit=firmware.board.counter.unit,
        counter_per_inference=firmware.board.counter.count(measured[-1].ticks),
    )


def _first_mismatch(received: Sequence[Sequence[Array]], expected: Sequence[Sequence[Array]]) -> Mismatch | None:
    for sample, (outputs, wanted) in enumerate(zip(received, expected, strict=True)):
        for output, (got, want) in enumerate(zip(outputs, wanted, strict=True)):
            wrong = np.argwhere(np.asarray(got) != want)
            if len(wrong):
                position = tuple(int(i) for i in wrong[0])
                return Mismatch(sample, output, position, int(want[position]), int(np.asarray(got)[position]))
    return None


def accuracy(outputs: Sequence[Sequence[Array]], labels: Array | None) -> float | None:
    """Fraction of samples whose first output is greatest at the label; the first of equal values wins."""
    if labels is None:
        return None
    hits = sum(int(np.argmax(output[0]) == label) for output, label in zip(outputs, labels, strict=True))
    return hits / len(labels)
