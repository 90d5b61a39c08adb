"""The C of a model's states: their memory, and what fills it before the first inference."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from codegen.literals import ArrayPool
from codegen.names import identifier
from tinyml.scheduler import Plan


def state_definitions(plan: Plan, name: str, pool: ArrayPool) -> str:
    """Memory and `<name>_reset`; empty for a model without states."""
    if not plan.graph.states:
        return ""
    return "\n".join(
        [
            "/* What an inference leaves for the next one. */",
            f"static _Alignas(16) int8_t {name}_states[{plan.state_bytes}];",
            f"static uint8_t {name}_started; /* the states hold something */\n",
            f"void {name}_reset(void)",
            "{",
            f"    int8_t *const states = {name}_states;",
            *_fills(plan, pool),
            f"    {name}_started = 1u;",
            "}\n\n",
        ]
    )


def first_reset(plan: Plan, name: str) -> list[str]:
    """Statements at the start of an inference."""
    return [f"    if ({name}_started == 0u) {{", f"        {name}_reset();", "    }"] if plan.graph.states else []


def _fills(plan: Plan, pool: ArrayPool) -> Iterator[str]:
    """Neighbours that begin with one and the same byte are filled together."""
    initial = [(plan.state_offsets[s.read], np.frombuffer(s.initial.tobytes(), np.int8), s) for s in plan.graph.states]
    for byte, run in groupby(initial, key=lambda part: int(part[1][0]) if len(set(part[1].tolist())) == 1 else None):
        if byte is None:
            for offset, values, state in run:
                source = pool.name_of(values, f"{identifier(state.name)}_initial")
                yield f"    tml_copy(states + {offset}, {source}, {len(values)});"
        else:
            (first, values, _), *rest = run
            last, values, _ = rest[-1] if rest else (first, values, None)
            yield f"    tml_fill(states + {first}, {byte}, {last + len(values) - first});"
