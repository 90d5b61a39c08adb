"""The kernels of convolutions in slices equal numpy, whole, by rows from rings and in place, under the sanitizers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codegen.kernels import KERNELS
from tests.cases_sums import CASES
from tests.codegen.test_dsp_kernels import differing_on_host
from tests.kernel_cases import random_cases
from tinyml.kernel import Kernel
from tinyml.ops import SCHEDULED

COUNT = int(os.environ.get("TINYML_TEST_KERNEL_CASES", "40"))


@pytest.mark.parametrize(
    "kernel", [k for k in KERNELS if k.op in SCHEDULED and not k.requires], ids=lambda kernel: kernel.name
)
def test_equal_numpy(kernel: Kernel, tmp_path: Path) -> None:
    assert not differing_on_host(random_cases(kernel, CASES[kernel.op.kind], COUNT, seed=5), tmp_path)
