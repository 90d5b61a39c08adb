"""Generated C compiles without a warning: host gcc, Arm gcc and clang; every kernel, every form of plan, in C++."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from codegen import Sources, generate, select_kernels
from codegen.emit import kernel_files
from codegen.kernels import KERNELS
from tests.codegen.test_kernels import ALL_CASES
from tests.conftest import INT8_MODELS, shared_model
from tests.dsp_cases import CASES as DSP_CASES
from tests.host_c import WARNINGS, inference_loop
from tests.networks import narrow_net
from tests.random_graphs import random_graphs
from tinyml import pipeline
from tinyml.board import CORES, Core
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph
from tinyml.ops import SCHEDULED
from tinyml.scheduler import make_plan
from tinyml.scheduler.slices import blocks, sliced

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits/digits_int8.tflite"
ZIG = (sys.executable, "-m", "ziglang", "cc")
# name -> the core it is compiled for, and what starts the compiler
COMPILERS: dict[str, tuple[Core, tuple[str, ...]]] = {
    "gcc": (CORES["host"], ("gcc",)),
    "arm-none-eabi-gcc": (CORES["cortex-m4"], ("arm-none-eabi-gcc", *CORES["cortex-m4"].gcc)),
    "zig": (CORES["cortex-m55"], (*ZIG, *CORES["cortex-m55"].zig, "-g0")),
}
RANDOM_SEED, RANDOM_COUNT = 21, 15


def plans(graph: Graph, core: Core) -> list[Sources]:
    """Layer by layer, fused, and fed by rows where it can be."""
    kernels = select_kernels(graph, core.features)
    found = [make_plan(graph, kernels, fuse=False), make_plan(graph, kernels)]
    with suppress(UnsupportedError):
        found.append(make_plan(graph, kernels, feed_rows=True))
    return [generate(plan) for plan in found]


def every_kernel(core: Core) -> list[Sources]:
    """Three graphs of one node for each kernel that the core can run; of those for slices, blocks in slices."""
    graph = narrow_net(4, 8, 1)
    for block in blocks(graph):
        graph = sliced(graph, block, 2)
    found = [generate(make_plan(graph, select_kernels(graph, features))) for features in ((), core.features)]
    for kernel in (k for k in KERNELS if k.op not in SCHEDULED and k.requires <= core.features):
        rng = np.random.default_rng(5)
        tables = (DSP_CASES,) if "mve" in kernel.requires else ALL_CASES
        makers = cycle([cases[kernel.op.kind] for cases in tables if kernel.op.kind in cases])
        accepted: list[Graph] = []
        while len(accepted) < 3:
            graph = next(makers)(rng)
            accepted += [graph] if kernel.runs(graph.nodes[0]) else []
        found += [generate(make_plan(graph, {graph.nodes[0]: (kernel,)})) for graph in accepted]
    return found


def compile_all(models: Sequence[Sources], compiler: str, directory: Path) -> None:
    _, command = COMPILERS[compiler]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    files: list[str] = []
    apis: dict[str, int] = {}
    for number, sources in enumerate(models):
        folder = directory / str(number)
        folder.mkdir()
        for name, text in sources.files.items():
            (folder / name).write_text(text)
        files.append(f"{number}/{sources.name}.c")
        apis.setdefault(f"{sources.name}, {sources.fed_by_rows}", number)
    # the headers of every model again, without what its source includes
    for number in apis.values():
        (directory / f"{number}/api.c").write_text(f'#include "{models[number].name}_float.h"\nint used_{number};\n')
        files.append(f"{number}/api.c")
    for file in files:
        argv = [*command, "-std=c11", "-O2", *WARNINGS, "-c", file, "-o", "model.o"]
        done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, f"{file}: {done.stderr[:4000]}"


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", INT8_MODELS)
def test_shared_models(name: str, compiler: str, tmp_path: Path) -> None:
    compile_all(plans(pipeline.load(shared_model(name)), COMPILERS[compiler][0]), compiler, tmp_path)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_digits(compiler: str, tmp_path: Path) -> None:
    compile_all(plans(pipeline.load(DIGITS), COMPILERS[compiler][0]), compiler, tmp_path)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_random_graphs(compiler: str, tmp_path: Path) -> None:
    core = COMPILERS[compiler][0]
    compile_all([s for g in random_graphs(RANDOM_SEED, RANDOM_COUNT) for s in plans(g, core)], compiler, tmp_path)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_kernel(compiler: str, tmp_path: Path) -> None:
    compile_all(every_kernel(COMPILERS[compiler][0]), compiler, tmp_path)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_all_kernels_of_a_core_in_one_model(compiler: str, tmp_path: Path) -> None:
    """No two of them define one name."""
    core, command = COMPILERS[compiler]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    names = sorted({kernel.name for kernel in KERNELS if kernel.requires <= core.features})
    for name, text in kernel_files(names).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "model.c").write_text("".join(f'#include "{name}.h"\n' for name in names))
    argv = [*command, "-std=c11", "-O2", *WARNINGS, "-Wno-unused-function", "-c", "model.c", "-o", "model.o"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr[:4000]


def test_no_kernel_is_left_out() -> None:
    """Each is compiled for at least one of the cores."""
    assert all(any(kernel.requires <= core.features for core, _ in COMPILERS.values()) for kernel in KERNELS)


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_part_of_a_cpp_program(standard: str, tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: apt-get install g++")
    graph = next(graph for graph in random_graphs(4, 60) if len(graph.inputs) > 1 and len(graph.outputs) > 1)
    for number, sources in enumerate([*plans(graph, CORES["host"]), *plans(pipeline.load(DIGITS), CORES["host"])]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in sources.files.items():
            (folder / name).write_text(text)
        includes = f'#include <cstdio>\n#include "{sources.name}.h"\n#include "{sources.name}_float.h"\n'
        main = "int main() { return run(); }\n"
        (folder / "main.cpp").write_text(includes + inference_loop(sources, "run") + main)
        commands = [
            ["gcc", "-std=c11", "-c", f"{sources.name}.c", "-o", "model.o"],
            ["g++", f"-std={standard}", *WARNINGS, "main.cpp", "model.o", "-o", "program"],
            ["./program"],
        ]
        for argv in commands:
            done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, input="")
            assert done.returncode == 0 and not done.stderr, done.stderr[:4000]
