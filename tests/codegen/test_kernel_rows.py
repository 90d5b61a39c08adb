"""Every kernel that computes by rows gives the same bytes one output row at a time, from rings just large enough.

This is what fused execution asks of a kernel. Before each row the rings hold poison except for the input rows that the
op says the output row depends on, so an `input_rows` that says too little shows as well.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from codegen.emit import kernel_files
from codegen.kernels import KERNELS
from codegen.literals import ArrayPool, struct_body
from tests.codegen.test_kernels import accepted_graphs
from tests.host_c import SANITIZERS, WARNINGS
from tests.samples import int8_samples
from tinyml.interpreter import run
from tinyml.ir import Array, Node, Tensor
from tinyml.kernel import Kernel
from tinyml.ops import SCHEDULED

COUNT = int(os.environ.get("TINYML_TEST_KERNEL_CASES", "4"))
BY_ROWS = [k for k in KERNELS if k.by_rows and not k.variadic_outputs and not k.requires and k.op not in SCHEDULED]

_MAIN = """\
#include <stdio.h>
#include <string.h>
#include "{kernel}.h"

{definitions}
int main(void)
{{
{reads}
    for (int32_t row = 0; row < {height}; row++) {{
{fills}
        {kernel}({arguments});
        fwrite(output, 1, sizeof output, stdout);
    }}
    return 0;
}}
"""

_FILL = """\
        memset(ring_{i}, 0x55, sizeof ring_{i});
        for (int32_t y = needed_{i}[row][0]; y < needed_{i}[row][1]; y++) {{
            memcpy(ring_{i} + y % {rows} * {row_bytes}, whole_{i} + y * {row_bytes}, {row_bytes});
        }}"""


@pytest.mark.parametrize("kernel", BY_ROWS, ids=lambda kernel: f"{kernel.name}-{kernel.op.kind}")
def test_kernel_by_rows_equals_numpy(kernel: Kernel, tmp_path: Path) -> None:
    for number, graph in enumerate(accepted_graphs(kernel, COUNT, seed=2)):
        node = graph.nodes[0]
        sample = int8_samples(graph, 4, seed=number)[3]
        (want,) = run(graph, sample)
        directory = tmp_path / str(number)
        directory.mkdir()
        fed = dict(zip(graph.inputs, sample, strict=True))
        got = run_by_rows(kernel, node, [fed.get(t, t.data) for t in node.operands], directory)
        np.testing.assert_array_equal(got, want, err_msg=f"case {number}: {node}")


def run_by_rows(kernel: Kernel, node: Node, operands: Sequence[Array | None], directory: Path) -> Array:
    """The output of a node, computed row by row by a program built in the directory."""
    for name, text in kernel_files([kernel.name]).items():
        (directory / name).write_text(text)
    (directory / "main.c").write_text(program(kernel, node))
    command = ["gcc", "-std=c11", *WARNINGS, "-O1", *SANITIZERS, "-o", "program", "main.c"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    fed = b"".join(values.tobytes() for values in operands if values is not None)
    ran = subprocess.run([directory / "program"], input=fed, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")[:4000]
    return np.frombuffer(ran.stdout, np.int8).reshape(node.output.shape)


def program(kernel: Kernel, node: Node) -> str:
    """C that reads the whole operands from stdin and writes the output, row by row, to stdout."""
    height = node.output.hwc[0]
    needed = [needed_rows(node, operand, height) for operand in range(len(node.operands))]
    rings = [max(1, *(last - first for first, last in rows)) for rows in needed]
    pool = ArrayPool("test")
    body = "\n".join(struct_body(kernel.parameters(node), pool, "params"))
    views = [view(tensor, rows) for tensor, rows in zip(node.operands, rings, strict=True)]
    if kernel.variadic_inputs:
        inputs = {"inputs": f"(const tml_view[]){{{', '.join(views)}}}", "input_count": str(len(views))}
    else:
        inputs = dict(zip(kernel.views[:-1], views, strict=True))
    stated = {**inputs, kernel.views[-1]: view(node.output, 1)}
    fields = "".join(f"    .{name} = {text},\n" for name, text in stated.items())
    parts = [*pool.texts, f"static const {kernel.struct} params = {{\n{fields}{body}\n}};"]
    parts += [buffers(i, *item) for i, item in enumerate(zip(node.operands, needed, rings, strict=True))]
    scratch = kernel.scratch_bytes(node)
    parts += [f"static int8_t scratch[{scratch}];"] if scratch else []
    names = [f"ring_{i}" for i in range(len(rings))]
    pointers = [f"(const int8_t *const[]){{{', '.join(names)}}}"] if kernel.variadic_inputs else names
    return _MAIN.format(
        kernel=kernel.name,
        definitions="\n".join([*parts, f"static int8_t output[{node.output.row_bytes}];"]),
        reads="\n".join(
            f"    if (fread(whole_{i}, 1, sizeof whole_{i}, stdin) != sizeof whole_{i}) {{\n        return 1;\n    }}"
            for i in range(len(rings))
        ),
        height=height,
        fills="\n".join(
            _FILL.format(i=i, rows=rows, row_bytes=tensor.row_bytes)
            for i, (tensor, rows) in enumerate(zip(node.operands, rings, strict=True))
        ),
        arguments=", ".join(["&params", *pointers, "output", "row", "row + 1", *(["scratch"] if scratch else [])]),
    )


def needed_rows(node: Node, operand: int, height: int) -> list[tuple[int, int]]:
    """Rows of the operand that each output row depends on: all of them where the op does not say."""
    every = (0, node.operands[operand].hwc[0])
    return [node.op.input_rows(node, operand, row, row + 1) or every for row in range(height)]


def view(tensor: Tensor, rows: int) -> str:
    height, width, channels = tensor.hwc
    sides = f".height = {height}, .width = {width}, .channels = {channels}"
    return f"{{{sides}, .rows = {rows}, .stride = {width * channels}}}"


def buffers(index: int, tensor: Tensor, needed: Sequence[tuple[int, int]], rows: int) -> str:
    table = ", ".join(f"{{{first}, {last}}}" for first, last in needed)
    return (
        f"static int8_t whole_{index}[{tensor.size_bytes}];\n"
        f"static int8_t ring_{index}[{rows * tensor.row_bytes}];\n"
        f"static const int32_t needed_{index}[{len(needed)}][2] = {{{table}}};"
    )
