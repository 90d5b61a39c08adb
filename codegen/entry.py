"""The functions that run a model: one inference at a call, or fed row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.wrap import wrapped
from tinyml.scheduler import Group, Plan


@dataclass(frozen=True)
class PrintedStep:
    """A step ready to print: definitions at file scope, the condition it runs under, or "", and its call."""

    label: str
    definitions: str
    guard: str
    call: str


def run_functions(plan: Plan, name: str, steps: Sequence[PrintedStep], output: str) -> str:
    """`<name>_invoke`, or `_begin`, `_push_rows` and `_finish`; `output`: the function of the first output."""
    numbered = list(enumerate(steps))
    parts: list[tuple[Group, list[tuple[int, PrintedStep]]]] = []
    first = 0
    for group in plan.groups:
        parts.append((group, numbered[first : first + len(group.steps)]))
        first += len(group.steps)
    if plan.fed is None:
        body = [line for group, printed in parts for line in _group(group, printed)]
        return _function(f"void {name}_invoke(void)", _with_arena(name, body))
    return _fed_functions(plan, name, parts, output)


def _with_arena(name: str, body: list[str]) -> list[str]:
    needs_arena = any("arena +" in line for line in body)
    return ([f"    int8_t *const arena = {name}_arena;"] if needs_arena else []) + body


def _group(group: Group, printed: Sequence[tuple[int, PrintedStep]]) -> list[str]:
    if group.ticks == 1:
        return ["", *(line for number, step in printed for line in _bracketed(number, step, "    "))]
    return [
        "",
        "    /* each tick lets one more row in, and every step does the rows that this makes possible */",
        f"    for (int32_t tick = 0; tick < {group.ticks}; tick++) {{",
        *(line for number, step in printed for line in _bracketed(number, step, "        ")),
        "    }",
    ]


def _bracketed(number: int, step: PrintedStep, indent: str) -> list[str]:
    """A call between the profiler's marks."""
    if step.guard:
        call = [f"{indent}if ({step.guard}) {{", *wrapped(step.call, f"{indent}    "), f"{indent}}}"]
    else:
        call = wrapped(step.call, indent)
    return [
        f"{indent}/* {number}: {step.label} */",
        f"{indent}TML_STEP_BEGIN({number});",
        *call,
        f"{indent}TML_STEP_END({number});",
    ]


def _function(head: str, body: Sequence[str]) -> str:
    return "\n".join([head, "{", *body, "}"]) + "\n"


def _fed_functions(
    plan: Plan, name: str, parts: Sequence[tuple[Group, list[tuple[int, PrintedStep]]]], output: str
) -> str:
    assert plan.fed is not None
    (fed, printed), rest = parts[0], parts[1:]
    height, ring = plan.fed.hwc[0], plan.buffers[plan.fed]
    tick = [line for number, step in printed for line in _bracketed(number, step, "    ")]
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
        f"    if ({name}_next_row < {height}) {{",
        "        return NULL;",
        "    }",
        *(late if fed.ticks > height else []),
        *(line for group, own in rest for line in _group(group, own)),
        f"    return {output}();",
    ]
    return "\n".join(
        [
            f"/* Rows that have been pushed. */\nstatic int32_t {name}_next_row;\n",
            "/* Lets one more row in: every step does the rows that this makes possible. */",
            _function(f"static void {name}_tick(int32_t tick)", _with_arena(name, tick)),
            _function(f"void {name}_begin(void)", [f"    {name}_next_row = 0;"]),
            _function(f"void {name}_push_rows(const int8_t *rows, int32_t count)", push),
            _function(f"const int8_t *{name}_finish(void)", _with_arena(name, finish)),
        ]
    )
