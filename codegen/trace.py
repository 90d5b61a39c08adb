"""The C of a trace build: after each kernel call, the rows that it wrote go into the step's checksum."""

from __future__ import annotations

from codegen.calls import Call
from tinyml.ir import Tensor
from tinyml.scheduler import Plan, Step


def trace_calls(plan: Plan, step: Step, number: int, rows: tuple[str, str], strip: int) -> list[Call]:
    """`tml_trace_rows` for each output of a call. rows: the call's range, as C."""
    begin, end = rows
    if step.kernel.accumulates:
        height = step.node.operands[0].hwc[0]
        begin, end = f"({end}) == {height} && ({begin}) < {height} ? 0 : 1", "1"
    several = len(step.node.outputs) > 1
    return [
        _call(plan, step, output, number, *(("0", str(output.hwc[0])) if several else (begin, end)), strip)
        for output in step.node.outputs
    ]


def _call(plan: Plan, step: Step, tensor: Tensor, number: int, begin: str, end: str, strip: int) -> Call:
    buffer = plan.buffers[tensor]
    width, depth = tensor.hwc[1], tensor.pixel_bytes
    first, last = (int(step.columns.begin[strip]), int(step.columns.end[strip])) if step.columns else (0, width)
    held = int(buffer.columns.first[strip]) if buffer.columns else 0
    sides = f"{buffer.rows}, {buffer.stride}, {(last - first) * depth}"
    pieces = (f"tml_trace_rows({number}u, arena + ", f", {sides}, {begin}, {end});")
    return Call(pieces, (buffer.offset + (first - held) * depth,))
