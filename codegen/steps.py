"""The C of a step: its parameter structs and its calls, one per strip where it works strip by strip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.calls import Call, Place, place
from codegen.literals import ArrayPool, struct_body
from codegen.loops import again, progress, single_tick
from codegen.names import identifier
from codegen.step_table import step_label
from codegen.trace import trace_calls
from tinyml.ir import DType, Node, Tensor
from tinyml.scheduler import Plan, Step
from tinyml.scheduler.strips import cut_node


@dataclass(frozen=True)
class PrintedStep:
    """A step ready to print.

    definitions: at file scope. guard: the condition that it runs under, or "". strips: its statements at each strip.
    """

    label: str
    definitions: str
    guard: str
    strips: tuple[tuple[Call, ...], ...]


@dataclass(frozen=True)
class _Part:
    """The columns of a step that one call computes. node: computes just these; places, views: of its operands."""

    node: Node
    places: tuple[Place | None, ...]
    views: tuple[str, ...]


def printed(plan: Plan, number: int, label: str, pool: ArrayPool, trace: bool) -> PrintedStep:
    step = plan.steps[number]
    guard, begin, end = _row_range(step, pool, label)
    tail = (begin, end, *([f"arena + {step.scratch.offset}"] if step.scratch else ()))
    structs: dict[object, str] = {}
    definitions: list[str] = []
    strips: list[tuple[Call, ...]] = []
    for strip in range(len(step.columns.end) if step.columns else 1):
        calls = list(_kept_columns(plan, step.node.outputs[0], strip))
        part = _part(plan, step, strip)
        if part is not None:
            key = part.node.op, part.views
            if key not in structs:
                structs[key] = pool.reserve(f"{pool.prefix}_{label}")
                definitions.append(_definition(step, part, structs[key], pool, label))
            calls.append(_call(step, part, structs[key], tail, pool, label))
            calls += trace_calls(plan, step, number, (begin, end), strip) if trace else ()
        strips.append(tuple(calls))
    again = ", shared columns again" if step.columns is not None and step.columns.again else ""
    return PrintedStep(step_label(step.node, label) + again, "".join(definitions), guard, tuple(strips))


def _part(plan: Plan, step: Step, strip: int) -> _Part | None:
    node = cut = step.node
    reads: Sequence[tuple[int, int]] = [(0, 0)] * len(node.operands)
    begin, end = 0, 0
    if step.columns is not None:
        begin, end = int(step.columns.begin[strip]), int(step.columns.end[strip])
        if begin == end:
            return None
        found = node.op.cut_columns(node, begin, end)
        assert found is not None
        reads, cut = found.columns, cut_node(node, begin, end)
        assert step.kernel.runs(cut), f"{step.kernel} does not take {cut}"
    wholes, firsts = (*node.operands, *node.outputs), (*(read[0] for read in reads), *[begin] * len(node.outputs))
    places = tuple(place(plan, t, first, strip) for t, first in zip(wholes, firsts, strict=True))
    narrow = (*cut.operands, *cut.outputs)
    views = tuple(_view(plan, step, t, as_seen) for t, as_seen in zip(wholes, narrow, strict=True))
    return _Part(cut, places, views)


def _view(plan: Plan, step: Step, tensor: Tensor, as_seen: Tensor) -> str:
    """tml_view of the columns that a call sees of a tensor."""
    height, width, channels = as_seen.hwc
    channels = as_seen.pixel_bytes if step.kernel.moves_bytes else channels
    buffer = plan.buffers.get(tensor)
    rows, stride = (buffer.rows, buffer.stride) if buffer else (height, tensor.row_bytes)
    sides = f".height = {height}, .width = {width}, .channels = {channels}"
    return f"{{{sides}, .rows = {rows}, .stride = {stride}}}"


def _definition(step: Step, part: _Part, params: str, pool: ArrayPool, label: str) -> str:
    kernel = step.kernel
    count = len(part.node.operands)
    fields: list[tuple[str, str]] = []
    arrays = ""
    names = iter(kernel.views)
    for direction, variadic, views in (
        ("input", kernel.variadic_inputs, part.views[:count]),
        ("output", kernel.variadic_outputs, part.views[count:]),
    ):
        if variadic:
            array = f"{params}_{direction}s"
            lines = ",\n    ".join(views)
            arrays += f"static const tml_view {array}[{len(views)}] = {{\n    {lines},\n}};\n"
            fields += [(f"{direction}s", array), (f"{direction}_count", str(len(views)))]
            next(names)
        else:
            fields += [(next(names), view) for view in views]
    body = [f"    .{name} = {text}," for name, text in fields]
    body += struct_body(kernel.parameters(part.node), pool, label)
    return arrays + f"static const {kernel.struct} {params} = {{\n" + "\n".join(body) + "\n};\n"


def _call(step: Step, part: _Part, params: str, tail: Sequence[str], pool: ArrayPool, label: str) -> Call:
    kernel, node = step.kernel, step.node
    pieces, offsets = [f"{kernel.name}(&{params}"], list[int]()
    count = len(node.operands)
    for direction, variadic, first, last in (
        ("const int8_t *const", kernel.variadic_inputs, 0, count),
        ("int8_t *const", kernel.variadic_outputs, count, len(part.places)),
    ):
        pieces[-1] += f", ({direction}[]){{" if variadic else ""
        for index in range(first, last):
            pieces[-1] += "" if variadic and index == first else ", "
            found = part.places[index]
            if found is None:
                tensor = node.operands[index]
                cast = "" if tensor.dtype is DType.INT8 else "(const int8_t *)"
                pieces[-1] += cast + pool.name_of(tensor.values, f"{label}_{identifier(tensor.name)}")
            else:
                pieces[-1] += f"{found.base} + "
                pieces.append("")
                offsets.append(found.offset)
        pieces[-1] += "}" if variadic else ""
    pieces[-1] += f", {', '.join(tail)});"
    return Call(tuple(pieces), tuple(offsets))


def _kept_columns(plan: Plan, tensor: Tensor, strip: int) -> Iterator[Call]:
    """Moves the columns that a strip needs of those that the one before it has computed."""
    buffer = plan.buffers.get(tensor)
    if strip == 0 or buffer is None or buffer.columns is None:
        return
    depth, first = tensor.pixel_bytes, int(buffer.columns.first[strip])
    kept = (int(buffer.columns.begin[strip]) - first) * depth
    moved = (first - int(buffer.columns.first[strip - 1])) * depth
    if kept > 0 and moved:
        yield Call(
            ("tml_keep_columns(arena + ", f", {buffer.rows}, {buffer.stride}, {moved}, {kept});"), (buffer.offset,)
        )


def _row_range(step: Step, pool: ArrayPool, label: str) -> tuple[str, str, str]:
    """(guard, first row, end of rows) of a call: numbers for a single tick, expressions of `tick` in a fused group."""
    rows = step.rows
    ticks = len(rows.end)
    if ticks == 1:
        return "", str(int(rows.begin[0])), str(int(rows.end[0]))
    only = single_tick(rows)
    if only is not None:
        return f"tick == {only}", str(int(rows.begin[only])), str(int(rows.end[only]))
    if rows.begin[0] == 0 and (rows.begin[1:] == rows.end[:-1]).all():
        closed = progress(rows.end)
        if closed is not None:
            return "", closed.text(late=1), closed.text(late=0)
        done = pool.name_of(np.concatenate([rows.begin[:1], rows.end]).astype(np.uint16), f"{label}_rows")
        return "", f"{done}[tick]", f"{done}[tick + 1]"
    form = again(rows, step.node.outputs[0].hwc[0])
    if form is not None:
        return form.guard(ticks), form.begin.text(late=0), form.end.text(late=0)
    first, last = (
        pool.name_of(r.astype(np.uint16), f"{label}_{w}") for r, w in ((rows.begin, "begin"), (rows.end, "end"))
    )
    return "", f"{first}[tick]", f"{last}[tick]"
