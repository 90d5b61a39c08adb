"""The functions that run a model: one inference at a call, or fed row by row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from codegen.calls import Call
from codegen.sources import Port
from codegen.states import first_reset
from codegen.steps import PrintedStep
from codegen.wrap import wrapped
from tinyml.scheduler import Group, Plan


def run_functions(plan: Plan, name: str, steps: Sequence[PrintedStep], output: Port) -> str:
    """`<name>_invoke`, or `_begin`, `_push_rows` and `_finish`; `output`: the first."""
    numbered = list(enumerate(steps))
    parts: list[tuple[Group, list[tuple[int, PrintedStep]]]] = []
    first = 0
    for group in plan.groups:
        parts.append((group, numbered[first : first + len(group.steps)]))
        first += len(group.steps)
    if plan.fed is None:
        body = [line for group, printed in parts for line in _group(group, printed)]
        return _function(f"void {name}_invoke(void)", _with_memory(name, [*first_reset(plan, name), *body]))
    return _fed_functions(plan, name, parts, output)


def _with_memory(name: str, body: list[str]) -> list[str]:
    """The body behind what it calls the arena and the states."""
    used = [memory for memory in ("arena", "states") if any(re.search(rf"\b{memory} \+", line) for line in body)]
    return [f"    int8_t *const {memory} = {name}_{memory};" for memory in used] + body


def _group(group: Group, printed: Sequence[tuple[int, PrintedStep]]) -> list[str]:
    if group.ticks == 1:
        return ["", *_tick(group, printed, "    ")]
    return [
        "",
        "    /* each tick lets one more row in, and every step does the rows that this makes possible */",
        f"    for (int32_t tick = 0; tick < {group.ticks}; tick++) {{",
        *_tick(group, printed, "        "),
        "    }",
    ]


def _tick(group: Group, printed: Sequence[tuple[int, PrintedStep]], indent: str) -> list[str]:
    """The steps of a group in order; those of a run strip after strip."""
    lines: list[str] = []
    number = 0
    while number < len(printed):
        last = dict(group.runs).get(number, number)
        lines += _strips(printed[number : last + 1], indent)
        number = last + 1
    return lines


def _strips(run: Sequence[tuple[int, PrintedStep]], indent: str) -> list[str]:
    """Steps strip after strip, with a loop over strips that differ by where they are only."""
    strips = list(zip(*(step.strips for _, step in run), strict=True))
    lines = [f"{indent}/* a few columns of the rows at a time */"] if len(strips) > 1 else []
    first = 0
    while first < len(strips):
        end = first + _alike(strips[first:])
        inner = indent if end == first + 1 else f"{indent}    "
        body: list[str] = []
        for (number, step), now, later in zip(run, strips[first], strips[min(first + 1, end - 1)], strict=True):
            statements = [_moving(*pair, first) for pair in zip(now, later, strict=True)]
            body += _bracketed(number, step, statements, inner)
        if end == first + 1:
            lines += body
        else:
            lines += [f"{indent}for (int32_t strip = {first}; strip < {end}; strip++) {{", *body, f"{indent}}}"]
        first = end
    return lines


_Strip = tuple[tuple[Call, ...], ...]


def _alike(strips: Sequence[_Strip]) -> int:
    """How many strips, from the first on, have the same statements with offsets that grow by the same."""
    pieces = [[call.pieces for calls in strip for call in calls] for strip in strips]
    offsets = [[offset for calls in strip for call in calls for offset in call.offsets] for strip in strips]
    steps = [[b - a for a, b in zip(*pair, strict=False)] for pair in pairwise(offsets)]
    count = 1
    while count < len(strips) and pieces[count] == pieces[0] and steps[count - 1] == steps[0]:
        count += 1
    return count


def _moving(now: Call, later: Call, strip: int) -> str:
    """A statement whose offsets follow the loop variable `strip`. now, later: at the first strip and the one after."""
    texts = []
    for offset, after in zip(now.offsets, later.offsets, strict=True):
        step = after - offset
        base = offset - strip * step
        behind = f" {'+' if base > 0 else '-'} {abs(base)}" if base else ""
        texts.append(f"(strip * {step}{behind})" if step else str(offset))
    return now.text(texts)


def _bracketed(number: int, step: PrintedStep, statements: Sequence[str], indent: str) -> list[str]:
    """Statements between the profiler's marks."""
    if not statements:
        return []
    inner = f"{indent}    " if step.guard else indent
    calls = [line for statement in statements for line in wrapped(statement, inner)]
    if step.guard:
        calls = [f"{indent}if ({step.guard}) {{", *calls, f"{indent}}}"]
    return [
        f"{indent}/* {number}: {step.label} */",
        f"{indent}TML_STEP_BEGIN({number});",
        *calls,
        f"{indent}TML_STEP_END({number});",
    ]


def _function(head: str, body: Sequence[str]) -> str:
    return "\n".join([head, "{", *body, "}"]) + "\n"


def _fed_functions(
    plan: Plan, name: str, parts: Sequence[tuple[Group, list[tuple[int, PrintedStep]]]], output: Port
) -> str:
    assert plan.fed is not None
    (fed, printed), rest = parts[0], parts[1:]
    height, ring = plan.fed.hwc[0], plan.buffers[plan.fed]
    tick = _tick(fed, printed, "    ")
    slot = "0" if ring.rows == 1 else f"{name}_next_row % {ring.rows} * {plan.fed.row_bytes}"
    call = [f"        {name}_tick({name}_next_row);"]
    if fed.ticks < height:
        # no step of the group reads the last rows; what the tick would compute is not defined there
        call = [f"        if ({name}_next_row < {fed.ticks}) {{", f"    {call[0]}", "        }"]
    push = [
        f"    for (; count > 0 && {name}_next_row < {height}; count--) {{",
        f"        tml_copy({name}_arena + {ring.offset} + {slot}, rows, {plan.fed.row_bytes});",
        f"        rows += {plan.fed.row_bytes};",
        *call,
        f"        {name}_next_row++;",
        "    }",
    ]
    late = [
        f"    for (int32_t tick = {height}; tick < {fed.ticks}; tick++) {{",
        f"        {name}_tick(tick);",
        "    }",
    ]
    finish = [
        f"    if ({name}_next_row != {height}) {{",
        f"        return {name}_next_row < {height} ? NULL : {output.function}();",
        "    }",
        f"    {name}_next_row = {height + 1};",
        *(late if fed.ticks > height else []),
        *(line for group, own in rest for line in _group(group, own)),
        f"    return {output.function}();",
    ]
    return "\n".join(
        [
            "/* Rows that have been pushed; one more than there are once the inference is finished. */",
            f"static int32_t {name}_next_row;\n",
            "/* Lets one more row in: every step does the rows that this makes possible. */",
            _function(f"static void {name}_tick(int32_t tick)", _with_memory(name, tick)),
            _function(f"void {name}_begin(void)", [*first_reset(plan, name), f"    {name}_next_row = 0;"]),
            _function(f"void {name}_push_rows(const int8_t *rows, int32_t count)", push),
            _function(f"const {output.c_type} *{name}_finish(void)", _with_memory(name, finish)),
        ]
    )
