"""Plan -> C that reads as a careful colleague wrote it: `<name>.c`, `<name>.h`, `_weights.h`, `_float.h`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from codegen.api import float_header, public_header
from codegen.entry import PrintedStep, run_functions
from codegen.literals import ArrayPool, struct_body
from codegen.loops import progress, single_tick
from codegen.names import identifier, identifiers, model_identifier
from codegen.sources import Port, Sources
from codegen.step_table import step_label, step_table
from tinyml._version import __version__
from tinyml.ir import Tensor
from tinyml.paths import CODEGEN
from tinyml.scheduler import Plan, Step


def generate(plan: Plan) -> Sources:
    """The C of a plan. Equal plans give equal bytes: no dates, paths or user names."""
    name = model_identifier(plan.graph.name)
    inputs, outputs = ports(plan.graph.inputs, name, "input"), ports(plan.graph.outputs, name, "output")
    if plan.fed is not None:
        inputs = (replace(inputs[0], function=f"{name}_push_rows"),)
    pool = ArrayPool(name)
    own = [f"{name}_{word}" for word in ("arena", "begin", "finish", "invoke", "next_row", "tick")]
    for taken in (*own, *(port.function for port in (*inputs, *outputs))):
        pool.reserve(taken)
    names = identifiers(step.node.name for step in plan.steps)
    steps = [_step(plan, step, label, pool) for step, label in zip(plan.steps, names, strict=True)]
    resident = inputs if plan.fed is None else ()
    accessors = "\n".join(
        _accessor(plan, port, pool, const) for side, const in ((resident, ""), (outputs, "const ")) for port in side
    )
    headers = sorted({step.kernel.name for step in plan.steps} | ({"tml_copy"} if plan.fed else set()))
    files = {
        f"{name}.h": public_header(plan, name, inputs, outputs, pool.total_bytes),
        f"{name}_float.h": float_header(name, inputs if plan.fed is None else (), outputs),
        f"{name}_weights.h": _weights(plan, name, pool),
        f"{name}.c": _source(plan, name, headers, steps, accessors, outputs[0].function),
        **kernel_files(headers),
    }
    return Sources(
        name=name,
        files=files,
        inputs=inputs,
        outputs=outputs,
        arena_bytes=plan.arena_bytes,
        steps=tuple(step.label for step in steps),
        keeps_input=plan.keeps_input,
        fed_by_rows=plan.fed is not None,
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


def _step(plan: Plan, step: Step, label: str, pool: ArrayPool) -> PrintedStep:
    node, kernel = step.node, step.kernel
    params = pool.reserve(f"{pool.prefix}_{label}")
    views = _views(plan, step, params)
    body = [f"    .{name} = {text}," for name, text in views.fields]
    body += struct_body(kernel.parameters(node), pool, label)
    definitions = views.definitions + f"static const {kernel.struct} {params} = {{\n" + "\n".join(body) + "\n};\n"
    return PrintedStep(step_label(node, label), definitions, *_call(plan, step, params, pool, label))


@dataclass(frozen=True)
class _Views:
    fields: tuple[tuple[str, str], ...]
    definitions: str


def _views(plan: Plan, step: Step, params: str) -> _Views:
    """The tml_view fields of a parameter struct, and the arrays that variadic kernels point to."""
    node, kernel = step.node, step.kernel
    operands = [_view(plan, tensor) for tensor in node.operands]
    outputs = [_view(plan, tensor) for tensor in node.outputs]
    fields: list[tuple[str, str]] = []
    definitions = ""
    names = iter(kernel.views)
    for direction, variadic, views in (
        ("input", kernel.variadic_inputs, operands),
        ("output", kernel.variadic_outputs, outputs),
    ):
        if variadic:
            array = f"{params}_{direction}s"
            lines = ",\n    ".join(views)
            definitions += f"static const tml_view {array}[{len(views)}] = {{\n    {lines},\n}};\n"
            fields += [(f"{direction}s", array), (f"{direction}_count", str(len(views)))]
            next(names)
        else:
            fields += [(next(names), view) for view in views]
    return _Views(tuple(fields), definitions)


def _view(plan: Plan, tensor: Tensor) -> str:
    height, width, channels = tensor.hwc
    rows = plan.buffers[tensor].rows if tensor in plan.buffers else height
    return f"{{.height = {height}, .width = {width}, .channels = {channels}, .rows = {rows}}}"


def _call(plan: Plan, step: Step, params: str, pool: ArrayPool, label: str) -> tuple[str, str]:
    """(guard, call) of a step."""
    node, kernel = step.node, step.kernel
    operands = [_address(plan, tensor, pool, label) for tensor in node.operands]
    outputs = [_address(plan, tensor, pool, label) for tensor in node.outputs]
    guard, begin, end = _row_range(step, pool, label)
    arguments = [f"&{params}"]
    arguments += [f"(const int8_t *const[]){{{', '.join(operands)}}}"] if kernel.variadic_inputs else operands
    arguments += [f"(int8_t *const[]){{{', '.join(outputs)}}}"] if kernel.variadic_outputs else outputs
    arguments += [begin, end]
    if step.scratch:
        arguments.append(f"arena + {step.scratch.offset}")
    return guard, f"{kernel.name}({', '.join(arguments)});"


def _row_range(step: Step, pool: ArrayPool, label: str) -> tuple[str, str, str]:
    """(guard, first row, end of rows) of a call: numbers for a single tick, expressions of `tick` in a fused group."""
    rows = step.rows
    if len(rows.end) == 1:
        return "", str(int(rows.begin[0])), str(int(rows.end[0]))
    only = single_tick(rows)
    if only is not None:
        return f"tick == {only}", str(int(rows.begin[only])), str(int(rows.end[only]))
    closed = progress(rows.end)
    if closed is not None:
        return "", closed.text(late=1), closed.text(late=0)
    done = pool.name_of(np.concatenate([rows.begin[:1], rows.end]).astype(np.uint16), f"{label}_rows")
    return "", f"{done}[tick]", f"{done}[tick + 1]"


def _address(plan: Plan, tensor: Tensor, pool: ArrayPool, label: str) -> str:
    if tensor.is_constant:
        return pool.name_of(tensor.values, f"{label}_{identifier(tensor.name)}")
    return f"arena + {plan.buffers[tensor].offset}"


def _accessor(plan: Plan, port: Port, pool: ArrayPool, const: str) -> str:
    tensor = port.tensor
    if tensor.is_constant:
        place = pool.name_of(tensor.values, port.identifier)
    else:
        place = f"{pool.prefix}_arena + {plan.buffers[tensor].offset}"
    return f"{const}int8_t *{port.function}(void)\n{{\n    return {place};\n}}\n"


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
    plan: Plan, name: str, headers: Iterable[str], steps: list[PrintedStep], accessors: str, output: str
) -> str:
    parts = [
        _banner(plan, name),
        f'#include "{name}.h"\n\n'
        + "".join(f'#include "{header}.h"\n' for header in headers)
        + f'#include "{name}_weights.h"\n\n{_PROFILE_HOOKS}',
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
