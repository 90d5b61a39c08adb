"""Every listed kernel equals its op in numpy, on the host under ASan and UBSan, over the random cases of every op."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from codegen.kernels import KERNELS
from tests import cases_sums
from tests.host_c import c_outputs
from tests.op_cases import CASES
from tests.samples import int8_samples
from tinyml.interpreter import run
from tinyml.ir import Graph
from tinyml.kernel import Kernel
from tinyml.ops import OPS, SCHEDULED
from tinyml.scheduler import make_plan

COUNT = int(os.environ.get("TINYML_TEST_KERNEL_CASES", "8"))


def accepted_graphs(kernel: Kernel, count: int, seed: int) -> list[Graph]:
    """Random one-node graphs of the kernel's op that it accepts."""
    rng = np.random.default_rng(seed)
    graphs: list[Graph] = []
    for _ in range(200 * count):
        graph = CASES[kernel.op.kind](rng)
        if kernel.accepts(graph.nodes[0]):
            graphs.append(graph)
        if len(graphs) == count:
            return graphs
    raise AssertionError(f"the cases of {kernel.op.kind} reach {kernel.name} only {len(graphs)} times")


@pytest.mark.parametrize(
    "kernel",
    [k for k in KERNELS if not k.requires and k.op not in SCHEDULED],
    ids=lambda kernel: f"{kernel.name}-{kernel.op.kind}",
)
def test_kernel_equals_numpy(kernel: Kernel, tmp_path: Path) -> None:
    for number, graph in enumerate(accepted_graphs(kernel, COUNT, seed=1)):
        samples = int8_samples(graph, 5, seed=number)
        directory = tmp_path / str(number)
        directory.mkdir()
        plan = make_plan(graph, {graph.nodes[0]: (kernel,)})
        for sample, got in zip(samples, c_outputs(plan, samples, directory), strict=True):
            for want, have in zip(run(graph, sample), got, strict=True):
                np.testing.assert_array_equal(have, want, err_msg=f"case {number}: {graph.nodes[0]}")


def test_every_op_has_a_kernel_and_cases() -> None:
    float_only = {"dequantize"}
    kinds = {op.kind for op in OPS} - float_only
    scheduled = {op.kind for op in SCHEDULED}
    assert kinds | scheduled == {kernel.op.kind for kernel in KERNELS}
    assert kinds <= set(CASES)
    assert scheduled == set(cases_sums.CASES)


def test_file_and_function_carry_the_kernels_name() -> None:
    from tinyml.paths import CODEGEN

    for kernel in KERNELS:
        path = next(CODEGEN.glob(f"kernels/*/{kernel.name}.h"))
        assert f"static inline void {kernel.name}(const {kernel.struct} *p" in path.read_text()
