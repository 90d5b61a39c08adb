"""Many cases of kernels in one program, for a host's sanitizers or a board: whole, and row by row from rings.

A case is a kernel, a node, a sample and the outputs that the interpreter gives for it. The program counts bytes that
differ and bytes written behind a buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from codegen import Sources, generate, select_kernels
from codegen.emit import kernel_files
from codegen.literals import ArrayPool, struct_body
from tests.op_graphs import Rng
from tests.samples import int8_samples
from tinyml.interpreter import run
from tinyml.ir import Array, DType, Graph, Node, Quant, Tensor
from tinyml.kernel import Kernel
from tinyml.ops import Relu
from tinyml.scheduler import make_plan

_PRELUDE = """\
#include <stdint.h>

#define memcpy __builtin_memcpy
#define memset __builtin_memset

#ifdef TML_CASES_HOST
#include <stdlib.h>
#define TAKE(size) ((int8_t *)malloc((size_t)(size))) /* of exactly this size: the sanitizer sees the next byte */
#define GUARDED(at, size) ((void)(at), (void)(size), 0)
#else
static _Alignas(16) int8_t pool[65536];
static int32_t pool_used;

static int8_t *take(int32_t size)
{
    int8_t *at = pool + pool_used;
    pool_used += (size + 31) & ~15;
    memset(at, 0x55, (size_t)(pool_used - (at - pool)));
    return at;
}

static int32_t guarded(const int8_t *at, int32_t size)
{
    int32_t spoilt = 0;
    for (int32_t i = 0; i < 16; i++) {
        spoilt += at[size + i] != 0x55;
    }
    return spoilt;
}
#define TAKE(size) take(size)
#define GUARDED(at, size) guarded(at, size)
#endif

static int32_t differing(const void *having, const void *wanted, int32_t size)
{
    const int8_t *have = having;
    const int8_t *want = wanted;
    int32_t count = 0;
    for (int32_t i = 0; i < size; i++) {
        count += have[i] != want[i];
    }
    return count;
}
"""


@dataclass(frozen=True)
class Case:
    """operands: what the kernel is called with.   in_place: the operand, by number, that the output takes over."""

    kernel: Kernel
    node: Node
    operands: tuple[Array, ...]
    expected: Array
    in_place: int | None


def random_cases(kernel: Kernel, make: Callable[[Rng], Graph], count: int, seed: int) -> list[Case]:
    """Cases that the kernel accepts: most on noise, every fifth on one of the constant samples."""
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    for _ in range(100 * count):
        graph = make(rng)
        node = graph.nodes[0]
        if kernel.runs(node):
            chosen = len(cases) // 5 % 3 if len(cases) % 5 == 4 else 3
            sample = int8_samples(graph, 4, seed=len(cases))[chosen]
            (expected,) = run(graph, sample)
            fed = dict(zip(graph.inputs, sample, strict=True))
            operands = tuple(t.values if t.is_constant else fed[t] for t in node.operands)
            in_place = next(iter(kernel.in_place(node)), None) if len(cases) % 2 == 1 else None
            cases.append(Case(kernel, node, operands, expected, in_place))
        if len(cases) == count:
            return cases
    raise AssertionError(f"the cases reach {kernel.name} only {len(cases)} times")


def headers(cases: Sequence[Case]) -> dict[str, str]:
    return kernel_files(sorted({case.kernel.name for case in cases}))


def functions(cases: Sequence[Case], prefix: str) -> str:
    """C: `static int32_t case_<number>(void)` for each, which returns the count of wrong bytes."""
    names = sorted({case.kernel.name for case in cases})
    includes = "".join(f'#include "{name}.h"\n' for name in names)
    pool = ArrayPool(prefix)
    bodies = [_function(case, number, pool) for number, case in enumerate(cases)]
    return "\n".join([includes, *pool.texts, _PRELUDE, *bodies])


def _function(case: Case, number: int, pool: ArrayPool) -> str:
    node, kernel = case.node, case.kernel
    size = case.expected.nbytes
    fields = struct_body(kernel.parameters(node), pool, f"case_{number}")
    operands = [pool.name_of(values, f"operand_{number}_{i}") for i, values in enumerate(case.operands)]
    want = pool.name_of(case.expected, f"want_{number}")
    scratch = kernel.scratch_bytes(node)
    lines = [f"    static const {kernel.struct} whole = {{", *_views(case, None), *fields, "    };"]
    lines += [f"    int8_t *operand_{i} = TAKE({v.nbytes});" for i, v in enumerate(case.operands)]
    lines += [f"    memcpy(operand_{i}, {name}, {v.nbytes});" for i, (name, v) in enumerate(_zip(operands, case))]
    lines += [f"    int8_t *output = {f'TAKE({size})' if case.in_place is None else f'operand_{case.in_place}'};"]
    lines += [f"    int8_t *scratch = TAKE({scratch});"] if scratch else []
    inputs = [f"operand_{i}" for i in range(len(operands))]
    extra = ["scratch"] if scratch else []
    height = (node.operands[0] if kernel.accumulates else node.output).hwc[0]
    lines += [f"    {kernel.name}({', '.join(['&whole', *inputs, 'output', '0', str(height), *extra])});"]
    lines += [f"    int32_t wrong = differing(output, (const int8_t *){want}, {size}) + GUARDED(output, {size});"]
    if kernel.by_rows and case.in_place is None:
        lines += _by_rows(case, fields, operands, want, extra)
    lines += [f"    wrong += GUARDED(scratch, {scratch});"] if scratch else []
    return "\n".join([f"static int32_t case_{number}(void)", "{", *lines, "    return wrong;", "}", ""])


def _zip(names: Sequence[str], case: Case) -> list[tuple[str, Array]]:
    return list(zip(names, case.operands, strict=True))


def _by_rows(case: Case, fields: list[str], operands: list[str], want: str, extra: list[str]) -> list[str]:
    """Each output row from rings that hold just the rows it depends on, and 0x55 elsewhere."""
    node, kernel = case.node, case.kernel
    height = node.output.hwc[0]
    needed = [_needed(node, operand) for operand in range(len(operands))]
    rings = [max(1, *(last - first for first, last in rows)) for rows in needed]
    lines = [f"    static const {kernel.struct} ring = {{", *_views(case, rings), *fields, "    };"]
    for i, (rows, ring) in enumerate(zip(needed, rings, strict=True)):
        table = ", ".join(f"{{{first}, {last}}}" for first, last in rows)
        lines += [f"    static const int32_t needed_{i}[{len(rows)}][2] = {{{table}}};"]
        lines += [f"    int8_t *ring_{i} = TAKE({ring * node.operands[i].row_bytes});"]
    row_bytes = node.output.row_bytes
    lines += [f"    int8_t *row_out = TAKE({row_bytes});", f"    for (int32_t row = 0; row < {height}; row++) {{"]
    for i, (name, ring) in enumerate(zip(operands, rings, strict=True)):
        size = node.operands[i].row_bytes
        lines += [f"        memset(ring_{i}, 0x55, {ring * size});"]
        lines += [f"        for (int32_t y = needed_{i}[row][0]; y < needed_{i}[row][1]; y++) {{"]
        lines += [
            f"            memcpy(ring_{i} + y % {ring} * {size}, (const int8_t *){name} + y * {size}, {size});",
            "        }",
        ]
    inputs = [f"ring_{i}" for i in range(len(operands))]
    lines += [f"        {kernel.name}({', '.join(['&ring', *inputs, 'row_out', 'row', 'row + 1', *extra])});"]
    lines += [f"        wrong += differing(row_out, (const int8_t *){want} + row * {row_bytes}, {row_bytes});", "    }"]
    return [*lines, f"    wrong += GUARDED(row_out, {row_bytes});"]


def _needed(node: Node, operand: int) -> list[tuple[int, int]]:
    every = (0, node.operands[operand].hwc[0])
    return [node.op.input_rows(node, operand, row, row + 1) or every for row in range(node.output.hwc[0])]


def _views(case: Case, rings: Sequence[int] | None) -> list[str]:
    """The views of a parameter struct; rings: rows held of each operand, and one of the output."""
    tensors = [*case.node.operands, case.node.output]
    rows = [tensor.hwc[0] for tensor in tensors] if rings is None else [*rings, 1]
    views = zip(case.kernel.views, tensors, rows, strict=True)
    return [
        f"    .{name} = {{.height = {t.hwc[0]}, .width = {t.hwc[1]}, .channels = {_channels(case, t)}, .rows = {held}, "
        f".stride = {t.row_bytes}}},"
        for name, t, held in views
    ]


def _channels(case: Case, tensor: Tensor) -> int:
    return tensor.pixel_bytes if case.kernel.moves_bytes else tensor.hwc[2]


def as_model(cases: Sequence[Case]) -> tuple[Graph, Sources]:
    """A model whose inference runs all cases: output i is the number of wrong bytes of case i, at most 127."""
    source = Tensor("input", (1, len(cases)), DType.INT8, Quant.per_tensor(1.0, 0))
    result = Tensor("wrong", (1, len(cases)), DType.INT8, Quant.per_tensor(1.0, 0))
    graph = Graph("cases", (Node("relu", Relu(), (source,), (result,)),), (source,), (result,))
    sources = generate(make_plan(graph, select_kernels(graph)))
    calls = [
        f"    pool_used = 0;\n    wrong = case_{i}();\n    cases_arena[{i}] = (int8_t)(wrong > 127 ? 127 : wrong);"
        for i in range(len(cases))
    ]
    head, tail = sources.files["cases.c"].split("void cases_invoke(void)")
    assert "cases_output" in head and tail
    invoke = ["void cases_invoke(void)", "{", "    int32_t wrong;", *calls, "}", ""]
    own = "\n".join([functions(cases, "cases_of"), *invoke])
    files = {**headers(cases), **sources.files, "cases.c": head + own}
    return graph, replace(sources, files=files)


def write_host(cases: Sequence[Case], directory: Path, twins: Path) -> Path:
    """Sources of a host program that prints a line per case with wrong bytes; twins: headers that replace ours."""
    for name, text in headers(cases).items():
        twin = twins / name
        (directory / name).write_text(twin.read_text() if twin.exists() else text)
    table = ", ".join(f"case_{i}" for i in range(len(cases)))
    main = f"""
#include <stdio.h>
int main(void)
{{
    static int32_t (*const all[])(void) = {{{table}}};
    for (int32_t i = 0; i < {len(cases)}; i++) {{
        const int32_t wrong = all[i]();
        if (wrong != 0) {{
            printf("%d %d\\n", (int)i, (int)wrong);
        }}
    }}
    return 0;
}}
"""
    path = directory / "cases.c"
    path.write_text("#define TML_CASES_HOST 1\n" + functions(cases, "cases_of") + main)
    return path
