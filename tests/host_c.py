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

_MAIN = """\
#include <stdio.h>
#include "{name}.h"
#include "{name}_float.h"

int main(void)
{{
    for (;;) {{
{reads}
        {name}_invoke();
{writes}
    }}
}}
"""


def plan_graph(graph: Graph, keep_inputs: bool = False) -> Plan:
    return make_plan(graph, select_kernels(graph), keep_inputs)


def write_project(sources: Sources, directory: Path) -> Path:
    """The generated files and a main that runs inputs from stdin until it ends; returns the path of main.c."""
    for name, text in sources.files.items():
        (directory / name).write_text(text)
    reads = "\n".join(
        f"        if (fread({p.function}(), 1, {p.tensor.size_bytes}, stdin) != {p.tensor.size_bytes}) {{\n"
        "            return 0;\n        }"
        for p in sources.inputs
    )
    writes = "\n".join(f"        fwrite({p.function}(), 1, {p.tensor.size_bytes}, stdout);" for p in sources.outputs)
    main = directory / "main.c"
    main.write_text(_MAIN.format(name=sources.name, reads=reads, writes=writes))
    return main


def compile_host(sources: Sources, directory: Path, flags: Sequence[str] = ("-O1", *SANITIZERS)) -> Path:
    """An executable: input bytes of each inference on stdin, output bytes on stdout. Warnings are errors."""
    main = write_project(sources, directory)
    program = directory / "program"
    command = ["gcc", "-std=c11", *WARNINGS, *flags, "-o", program, main, directory / f"{sources.name}.c"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return program


def run_host(program: Path, graph: Graph, samples: Sequence[Sequence[Array]]) -> list[tuple[Array, ...]]:
    """Outputs per sample; a sample is one int8 array per graph input."""
    fed = b"".join(array.tobytes() for sample in samples for array in sample)
    done = subprocess.run([program], input=fed, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:4000]
    size = sum(tensor.size_bytes for tensor in graph.outputs)
    assert len(done.stdout) == size * len(samples)
    return [_split(done.stdout[i * size : (i + 1) * size], graph) for i in range(len(samples))]


def _split(data: bytes, graph: Graph) -> tuple[Array, ...]:
    arrays, start = [], 0
    for tensor in graph.outputs:
        arrays.append(np.frombuffer(data[start : start + tensor.size_bytes], np.int8).reshape(tensor.shape))
        start += tensor.size_bytes
    return tuple(arrays)


def c_outputs(plan: Plan, samples: Sequence[Sequence[Array]], directory: Path) -> list[tuple[Array, ...]]:
    """The whole way: generate, compile with sanitizers, run."""
    return run_host(compile_host(generate(plan), directory), plan.graph, samples)
