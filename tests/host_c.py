"""Generated C, compiled and run on the host under the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from codegen import Sources, generate, select_kernels
from tinyml.ir import Array, Graph
from tinyml.scheduler import Plan, make_plan

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")

Sample = Sequence[Array]  # one int8 array per graph input

_MAIN = """\
#include <stdio.h>
#include <stdlib.h>
{includes}
{functions}
int main(int argc, char **argv)
{{
    switch (argc > 1 ? atoi(argv[1]) : 0) {{
{cases}
    default: return 2;
    }}
}}
"""


def plan_graph(graph: Graph, keep_inputs: bool = False) -> Plan:
    return make_plan(graph, select_kernels(graph), keep_inputs)


def inference_loop(sources: Sources, function: str) -> str:
    """A C function that runs inputs from stdin until it ends; twice on the same bytes where nothing may change then."""
    ports, name = sources.inputs, sources.name
    if sources.fed_by_rows:
        (port,) = ports
        height, size = port.tensor.hwc[0], port.tensor.row_bytes
        body = [f"static int8_t row[{size}];", f"{name}_begin();", f"for (int y = 0; y < {height}; y++) {{"]
        body += [f"if (fread(row, 1, {size}, stdin) != {size}) {{ return 0; }}", f"{port.function}(row, 1);", "}"]
        body += [f"if (!{name}_finish()) {{ return 3; }}"]
    else:
        sizes = [(port.function, port.tensor.size_bytes) for port in ports]
        body = [f"if (fread({call}(), 1, {size}, stdin) != {size}) {{ return 0; }}" for call, size in sizes]
        body += [f"{name}_invoke();"] * (2 if sources.keeps_input and not sources.state_bytes else 1)
    body += [f"fwrite({port.function}(), 1, {port.tensor.size_bytes}, stdout);" for port in sources.outputs]
    lines = "\n".join(f"        {line}" for line in body)
    return f"static int {function}(void)\n{{\n    for (;;) {{\n{lines}\n    }}\n}}\n"


def write_project(models: Sequence[Sources], directory: Path, include: str = "{name}.h") -> Path:
    """The generated files and a main that runs the model of its argument's number; returns the path of main.c."""
    for sources in models:
        for name, text in sources.files.items():
            (directory / name).write_text(text)
    headers = [name for s in models for name in (include.format(name=s.name), f"{s.name}_float.h")]
    main = directory / "main.c"
    main.write_text(
        _MAIN.format(
            includes="".join(f'#include "{header}"\n' for header in headers),
            functions="\n".join(inference_loop(s, f"run_{number}") for number, s in enumerate(models)),
            cases="\n".join(f"    case {number}: return run_{number}();" for number in range(len(models))),
        )
    )
    return main


def compile_host(sources: Sources, directory: Path, flags: Sequence[str] = ("-O1", *SANITIZERS)) -> Path:
    """An executable: input bytes of each inference on stdin, output bytes on stdout. Warnings are errors."""
    main = write_project([sources], directory)
    return _compiled([main, directory / f"{sources.name}.c"], directory, flags)


def compile_together(models: Sequence[Sources], directory: Path, flags: Sequence[str] = ("-O1", *SANITIZERS)) -> Path:
    """One executable of many models in one translation unit, a third of the time; its argument chooses a model."""
    return _compiled([write_project(models, directory, "{name}.c")], directory, flags)


def _compiled(files: Sequence[Path], directory: Path, flags: Sequence[str]) -> Path:
    program = directory / "program"
    command = ["gcc", "-std=c11", *WARNINGS, *flags, "-o", str(program), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return program


def run_host(program: Path, graph: Graph, samples: Sequence[Sample], number: int = 0) -> list[tuple[Array, ...]]:
    """Outputs per sample. number: of the model, where the program holds several."""
    fed = b"".join(array.tobytes() for sample in samples for array in sample)
    done = subprocess.run([program, str(number)], input=fed, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:4000]
    size = sum(tensor.size_bytes for tensor in graph.outputs)
    assert len(done.stdout) == size * len(samples)
    return [_split(done.stdout[i * size : (i + 1) * size], graph) for i in range(len(samples))]


def _split(data: bytes, graph: Graph) -> tuple[Array, ...]:
    arrays, start = [], 0
    for tensor in graph.outputs:
        arrays.append(np.frombuffer(data[start : start + tensor.size_bytes], tensor.dtype.numpy).reshape(tensor.shape))
        start += tensor.size_bytes
    return tuple(arrays)


def c_outputs(plan: Plan, samples: Sequence[Sample], directory: Path) -> list[tuple[Array, ...]]:
    """The whole way: generate, compile with sanitizers, run."""
    return run_host(compile_host(generate(plan), directory), plan.graph, samples)
