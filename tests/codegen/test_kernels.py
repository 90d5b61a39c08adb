"""Every listed kernel equals its op in numpy, on the host under ASan and UBSan, over the random cases of every op."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from codegen.kernels import KERNELS
from tests import cases_sums
from tests.cases_wide import INT4, INT16
from tests.host_c import c_outputs
from tests.op_cases import CASES
from tests.samples import int8_samples
from tinyml.interpreter import Inferences
from tinyml.ir import Graph
from tinyml.kernel import Kernel, Types
from tinyml.ops import OPS, SCHEDULED
from tinyml.scheduler import make_plan

COUNT = int(os.environ.get("TINYML_TEST_KERNEL_CASES", "8"))
Cases = Mapping[str, Callable[[np.random.Generator], Graph]]
ALL_CASES: Sequence[Cases] = (CASES, INT16, INT4)


def accepted_graphs(kernel: Kernel, count: int, seed: int, tables: Sequence[Cases] = ALL_CASES) -> list[Graph]:
    """Random one-node graphs of the kernel's op that it accepts."""
    rng = np.random.default_rng(seed)
    graphs: list[Graph] = []
    makers = [cases[kernel.op.kind] for cases in tables if kernel.op.kind in cases]
    for number in range(200 * count * len(makers)):
        graph = makers[number % len(makers)](rng)
        if kernel.runs(graph.nodes[0]):
            graphs.append(graph)
        if len(graphs) == count:
            return graphs
    raise AssertionError(f"the cases of {kernel.op.kind} reach {kernel.name} only {len(graphs)} times")


# those of other types than int8: many cases in one program, in test_wide_kernels.py and test_sums_kernels.py
PORTABLE = [k for k in KERNELS if not k.requires and k.types == Types()]


@pytest.mark.parametrize("kernel", PORTABLE, ids=lambda kernel: f"{kernel.name}-{kernel.op.kind}")
def test_kernel_equals_numpy(kernel: Kernel, tmp_path: Path) -> None:
    for number, graph in enumerate(accepted_graphs(kernel, COUNT, seed=1)):
        samples = int8_samples(graph, 5, seed=number)
        directory = tmp_path / str(number)
        directory.mkdir()
        plan = make_plan(graph, {graph.nodes[0]: (kernel,)})
        inferences = Inferences(graph)
        for sample, got in zip(samples, c_outputs(plan, samples, directory), strict=True):
            for want, have in zip(inferences.run(sample), got, strict=True):
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
