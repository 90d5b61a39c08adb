"""Plan -> C that reads as a careful colleague wrote it: `<name>.c`, `<name>.h`, `_weights.h`, `_float.h`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from codegen.api import float_header, public_header
from codegen.entry import run_functions
from codegen.literals import ArrayPool
from codegen.names import identifiers, model_identifier
from codegen.sources import Port, Sources
from codegen.states import state_definitions
from codegen.step_table import step_table
from codegen.steps import PrintedStep, printed
from tinyml._version import __version__
from tinyml.ir import Tensor
from tinyml.paths import CODEGEN
from tinyml.scheduler import Plan

_OWN_WORDS = ("arena", "begin", "finish", "invoke", "next_row", "reset", "started", "states", "tick")


def generate(plan: Plan, trace: bool = False) -> Sources:
    """The C of a plan. Equal plans give equal bytes: no dates, paths or user names.

    trace: every kernel call hands the rows it wrote to `tml_trace_rows`, which the firmware has.
    """
    name = model_identifier(plan.graph.name)
    inputs, outputs = ports(plan.graph.inputs, name, "input"), ports(plan.graph.outputs, name, "output")
    if plan.fed is not None:
        inputs = (replace(inputs[0], function=f"{name}_push_rows"),)
    pool = ArrayPool(name)
    own = [f"{name}_{word}" for word in _OWN_WORDS]
    for taken in (*own, *(port.function for port in (*inputs, *outputs))):
        pool.reserve(taken)
    names = identifiers(step.node.name for step in plan.steps)
    steps = [printed(plan, number, label, pool, trace) for number, label in enumerate(names)]
    resident = inputs if plan.fed is None else ()
    accessors = "\n".join(
        _accessor(plan, port, pool, const) for side, const in ((resident, ""), (outputs, "const ")) for port in side
    )
    copies = plan.fed is not None or plan.graph.states or any(group.runs for group in plan.groups)
    headers = sorted({step.kernel.name for step in plan.steps} | ({"tml_copy"} if copies else set()))
    states = state_definitions(plan, name, pool)
    files = {
        f"{name}.h": public_header(plan, name, inputs, outputs, pool.total_bytes),
        f"{name}_float.h": float_header(name, inputs if plan.fed is None else (), outputs),
        f"{name}_weights.h": _weights(plan, name, pool),
        f"{name}.c": _source(plan, name, headers, steps, states + accessors, outputs[0], trace),
        **kernel_files(headers),
    }
    return Sources(
        name=name,
        files=files,
        inputs=inputs,
        outputs=outputs,
        arena_bytes=plan.arena_bytes,
        state_bytes=plan.state_bytes,
        steps=tuple(step.label for step in steps),
        keeps_input=plan.keeps_input,
        fed_by_rows=plan.fed is not None,
        traced=trace,
        model_sha256=plan.graph.sha256,
    )


def ports(tensors: Iterable[Tensor], model: str, direction: str) -> tuple[Port, ...]:
    """The C functions of the inputs or outputs: `kws_input` for one, `kws_input_<tensor>` for several."""
    tensors = tuple(tensors)
    names = identifiers(tensor.name for tensor in tensors)
    single = len(tensors) == 1
    return tuple(
        Port(name, f"{model}_{direction}" if single else f"{model}_{direction}_{name}", tensor)
        for name, tensor in zip(names, tensors, strict=True)
    )


def kernel_files(kernels: Iterable[str]) -> dict[str, str]:
    """Kernel headers by name, and every header that they include in turn."""
    available = {path.name: path for path in (*CODEGEN.glob("kernels/*/*.h"), *CODEGEN.glob("include/*.h"))}
    files: dict[str, str] = {}
    wanted = [f"{kernel}.h" for kernel in kernels]
    while wanted:
        name = wanted.pop()
        if name not in files:
            files[name] = Path(available[name]).read_text()
            wanted += re.findall(r'#include "(\w+\.h)"', files[name])
    return dict(sorted(files.items()))


def _accessor(plan: Plan, port: Port, pool: ArrayPool, const: str) -> str:
    tensor = port.tensor
    if tensor.is_constant:
        place = pool.name_of(tensor.values, port.identifier)
    else:
        place = f"{pool.prefix}_arena + {plan.buffers[tensor].offset}"
        if port.c_type != "int8_t":
            place = f"({const}{port.c_type} *)(void *)({place})"
    return f"{const}{port.c_type} *{port.function}(void)\n{{\n    return {place};\n}}\n"


def _weights(plan: Plan, name: str, pool: ArrayPool) -> str:
    guard = f"{name.upper()}_WEIGHTS_H"
    body = "\n".join(pool.texts)
    head = f"/* Constants of {name}: {pool.total_bytes} bytes. Included by {name}.c only. */"
    return f"{head}\n#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n{body}\n#endif\n"


_PROFILE_HOOKS = """\
#ifdef TML_PROFILE
#include "tml_profile.h"
#endif
#ifndef TML_STEP_BEGIN
#define TML_STEP_BEGIN(step)
#define TML_STEP_END(step)
#endif
"""


def _source(
    plan: Plan,
    name: str,
    headers: Iterable[str],
    steps: list[PrintedStep],
    accessors: str,
    output: Port,
    trace: bool,
) -> str:
    parts = [
        _banner(plan, name),
        f'#include "{name}.h"\n\n'
        + "".join(f'#include "{header}.h"\n' for header in headers)
        + f'#include "{name}_weights.h"\n\n{_PROFILE_HOOKS}'
        + ('#include "tml_trace.h"\n' if trace else ""),
        f"_Alignas(16) int8_t {name}_arena[{name.upper()}_ARENA_BYTES];\n",
        *_asserts(plan, name),
        *(f"/* {step.label} */\n{step.definitions}" for step in steps),
        accessors,
        run_functions(plan, name, steps, output),
    ]
    return "\n".join(part for part in parts if part)


def _banner(plan: Plan, name: str) -> str:
    sha = plan.graph.sha256 or "unknown"
    lines = [
        f"/* {name}: generated by tinyml {__version__} from a model with SHA-256",
        f" * {sha}.",
        " *",
        *(f" * {line}".rstrip() for line in step_table(plan)),
        " */",
    ]
    return "\n".join(lines) + "\n"


def _asserts(plan: Plan, name: str) -> Iterator[str]:
    """The arena holds every buffer: sizes as the compiler sees them."""
    end = max((buffer.end for buffer in plan.buffers.values()), default=0)
    scratch = max((step.scratch.end for step in plan.steps if step.scratch), default=0)
    arena = f"sizeof({name}_arena)"
    yield f'_Static_assert({arena} >= {max(end, scratch, 1)}, "every buffer lies inside the arena");\n'
