"""What kernels take in flash: functions that they call, each once, parameters and packed constants of every node."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Mapping

import numpy as np

from tinyml.costs.model import CodeSizes, cost_model
from tinyml.costs.plan import step_calls
from tinyml.kernel import Field, Kernel
from tinyml.scheduler import Flash, Plan, Step

# Of a kernel, and of its parameters, where a core's are not known: about the mean of what other cores take. So few
# kernels are taken, with little data.
KERNEL_BYTES, STRUCT_BYTES = 600, 80
_VIEW = "tml_view"

Parts = dict[Hashable, int]


def kernel_flash(core: str) -> Flash:
    """By what kernels take on a core of boards/*.toml, with `--optimize size`'s compiler flags."""
    model = cost_model(core)
    code = model.code if model else None
    known: dict[Hashable, Parts] = {}

    def parts(step: Step) -> Parts:
        columns = (step.columns.begin.tobytes(), step.columns.end.tobytes()) if step.columns else None
        key = step.node, step.kernel.name, columns
        if key not in known:
            known[key] = {**_functions(code, step.kernel), **_constants(code, step)}
        return known[key]

    return Flash(parts)


def plan_bytes(plan: Plan, flash: Flash) -> int:
    """Of all kernels of a plan with their parameters and constants; without the code that calls them."""
    parts: Parts = {}
    for step in plan.steps:
        parts.update(flash.parts(step))
    return sum(parts.values())


def _functions(code: CodeSizes | None, kernel: Kernel) -> Parts:
    if code is None or kernel.name not in code.kernels:
        return {kernel.name: KERNEL_BYTES}
    return {name: code.functions[name] for name in code.kernels[kernel.name]}


def _constants(code: CodeSizes | None, step: Step) -> Parts:
    """Of the structs and arrays that codegen prints for a step, equal arrays once."""
    structs = code.structs if code else {}
    parts: Parts = {}
    for number, (node, _, _) in enumerate(step_calls(step)):
        views = (step.kernel.variadic_inputs * len(node.operands)) + (step.kernel.variadic_outputs * len(node.outputs))
        size = structs.get(step.kernel.struct, STRUCT_BYTES) + views * structs.get(_VIEW, 0)
        parts[step.node, number] = size
        parts.update(_arrays(step.kernel.parameters(node)))
    return parts


def _arrays(value: Field | Mapping[str, Field]) -> Iterator[tuple[Hashable, int]]:
    if isinstance(value, np.ndarray):
        content = np.ascontiguousarray(value)
        yield (content.dtype.name, hashlib.sha256(content.tobytes()).hexdigest()), content.nbytes
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _arrays(inner)
