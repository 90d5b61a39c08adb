"""Kernels of ops that the planner mostly replaces by views still copy rightly where it could not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from codegen.kernels import KERNELS
from tests.codegen.test_kernels import accepted_graphs
from tests.host_c import c_outputs
from tests.samples import int8_samples
from tinyml.interpreter import run
from tinyml.ir import Op
from tinyml.kernel import Kernel
from tinyml.scheduler import make_plan

COUNT = int(os.environ.get("TINYML_TEST_KERNEL_CASES", "6"))


@pytest.mark.parametrize("kernel", [k for k in KERNELS if k.op.views is not Op.views], ids=str)
def test_kernel_equals_numpy_without_views(kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel.op, "views", Op.views)
    for number, graph in enumerate(accepted_graphs(kernel, COUNT, seed=3)):
        samples = int8_samples(graph, 4, seed=number)
        directory = tmp_path / str(number)
        directory.mkdir()
        plan = make_plan(graph, {graph.nodes[0]: (kernel,)})
        assert len(plan.groups) == 1
        for sample, got in zip(samples, c_outputs(plan, samples, directory), strict=True):
            for want, have in zip(run(graph, sample), got, strict=True):
                np.testing.assert_array_equal(have, want, err_msg=f"case {number}: {graph.nodes[0]}")
