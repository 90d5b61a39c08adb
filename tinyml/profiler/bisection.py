"""The first layer whose values on a device differ from the interpreter's, found by a checksum per step.

A firmware of the same plan puts the rows that each kernel call has just written into a CRC-32 of its step. The plan
says which rows and columns a step computes at each tick, so the same checksums come from the interpreter's tensors. A
step whose operands were right when they were written and whose own checksum is wrong is where the fault is.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tinyml.board import Board
from tinyml.device.device import Device
from tinyml.interpreter import Inferences
from tinyml.ir import Array, Tensor, shown
from tinyml.samples import Samples
from tinyml.scheduler import Group, Plan, Step


@dataclass(frozen=True)
class Difference:
    """The first step, in execution order, that wrote other values than the interpreter, for the first such sample.

    step: its place in the plan, as in the generated C.   output_shape: NHWC.
    differing_steps: how many differ in this sample: this one and those that it misled.
    """

    sample: int
    step: int
    layer: str
    op: str
    kernel: str
    output_shape: tuple[int, ...]
    differing_steps: int


@dataclass(frozen=True)
class Bisection:
    """Whether every step on a board equals the interpreter.

    samples: inferences compared; fewer than given where one differs.
    first: the first step that differs; None where none does.
    outputs_differ: the outputs read in the end differ: without `first`, because something wrote over them.
    """

    board: str
    model: str
    model_sha256: str
    samples: int
    steps: int
    first: Difference | None
    outputs_differ: bool
    next_step: str

    @property
    def bit_exact(self) -> bool:
        return self.first is None and not self.outputs_differ

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `tinyml bisect`; keys in docs/cli.md."""
        first = {**asdict(self.first), "output_shape": list(self.first.output_shape)} if self.first else None
        return {**asdict(self), "bit_exact": self.bit_exact, "first": first}

    def __str__(self) -> str:
        if self.first is None:
            found = "outputs differ, though no step does" if self.outputs_differ else "every step is bit-exact"
            return f"{found} ({self.steps} steps, {self.samples} samples)\n{self.next_step}".rstrip()
        first = self.first
        return (
            f"first difference: step {first.step}, {first.op} {shown(first.layer)}, by {first.kernel}, in sample "
            f"{first.sample}; {first.differing_steps} of {self.steps} steps differ\n{self.next_step}"
        )


def bisect_device(device: Device, plan: Plan, board: Board, samples: Samples) -> Bisection:
    """Compares every step of a trace build, which the device runs, with the interpreter, up to the first difference.

    Raises LinkError; UsageError for a sample that does not fit.
    """
    first, differ, number = None, False, 0
    inferences = Inferences(plan.graph)
    device.forget()
    for number, sample in enumerate(samples.inputs, 1):
        values = inferences.run_all(sample)
        crcs, outputs = device.trace(sample)
        differ = any((got != values[t]).any() for got, t in zip(outputs, plan.graph.outputs, strict=True))
        wrong = [i for i, (a, b) in enumerate(zip(crcs, expected_crcs(plan, values), strict=True)) if a != b]
        if wrong:
            first = _difference(plan, number - 1, wrong)
        if wrong or differ:
            break
    return Bisection(
        board=board.name,
        model=plan.graph.name,
        model_sha256=plan.graph.sha256,
        samples=number,
        steps=len(plan.steps),
        first=first,
        outputs_differ=differ,
        next_step=_next_step(board, first, differ),
    )


def expected_crcs(plan: Plan, values: Mapping[Tensor, Array]) -> list[int]:
    """CRC-32 of what each step writes, in the order in which it does; rows computed twice count twice.

    values: of every tensor of the plan's graph, as the interpreter gives them.
    """
    return [_crc(group, step, values) for group in plan.groups for step in group.steps]


def _crc(group: Group, step: Step, values: Mapping[Tensor, Array]) -> int:
    crc = 0
    for tensor, begin, end, first, last in _written(group, step):
        image = np.reshape(values[tensor], tensor.hwc)
        crc = zlib.crc32(image[begin:end, first:last].tobytes(), crc)
    return crc


def _written(group: Group, step: Step) -> Iterator[tuple[Tensor, int, int, int, int]]:
    """(tensor, first row, end of rows, first column, end of columns) of each piece that a step writes, in order."""
    outputs = step.node.outputs
    spans = [(0, outputs[0].hwc[1])]
    if step.columns is not None:
        spans = [(int(a), int(b)) for a, b in zip(step.columns.begin, step.columns.end, strict=True)]
    for tick in range(group.ticks):
        begin, end = int(step.rows.begin[tick]), int(step.rows.end[tick])
        if begin >= end:
            continue
        if step.kernel.accumulates:
            begin, end = 0, int(end == step.node.operands[0].hwc[0])
        if len(outputs) > 1:
            yield from ((tensor, 0, tensor.hwc[0], 0, tensor.hwc[1]) for tensor in outputs)
        else:
            yield from ((outputs[0], begin, end, *span) for span in spans)


def _difference(plan: Plan, sample: int, wrong: list[int]) -> Difference:
    step = plan.steps[wrong[0]]
    node = step.node
    shape = node.outputs[0].shape
    return Difference(sample, wrong[0], node.name, node.op.kind, step.kernel.name, shape, len(wrong))


def _next_step(board: Board, first: Difference | None, differ: bool) -> str:
    if first is None:
        return "check the board's stack and memory sizes: something writes over the arena" if differ else ""
    if board.template != "host":
        return (
            "try: --board host; if that is exact, the fault is this board's compiler (try another --toolchain) or "
            "kernel, else the kernel's portable C or the plan"
        )
    return f"try: another --toolchain; if it stays, {first.kernel} or the plan is at fault: report the model"
