"""The kernels of int16 activations and of int4 weights equal numpy, whole and row by row from rings: under the
sanitizers of the host, and on an emulated Cortex-M4, many cases in one program."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from codegen.kernels import KERNELS
from tests.cases_wide import INT4, INT16
from tests.codegen.test_dsp_kernels import differing_on_board, differing_on_host
from tests.codegen.test_kernels import accepted_graphs
from tests.kernel_cases import Case, random_cases
from tinyml.ir import DType
from tinyml.kernel import Kernel, Types
from tinyml.ops import SCHEDULED

COUNT = int(os.environ.get("TINYML_TEST_KERNEL_CASES", "8"))
WIDE = [kernel for kernel in KERNELS if kernel.types != Types() and kernel.op not in SCHEDULED]
MOVES = [k for k in KERNELS if k.moves_bytes and not k.variadic_inputs and not k.variadic_outputs]


def cases_of(kernel: Kernel, count: int, seed: int) -> list[Case]:
    makers = INT4 if kernel.types.weights is DType.INT4 else INT16
    return random_cases(kernel, makers[kernel.op.kind], count, seed)


GROUPS = {
    "int4": [kernel for kernel in WIDE if kernel.types.weights is DType.INT4],
    "int16": [kernel for kernel in WIDE if kernel.types.weights is not DType.INT4],
    "moves": MOVES,
}


@pytest.mark.parametrize("group", GROUPS)
def test_equal_numpy_on_the_host(group: str, tmp_path: Path) -> None:
    cases = [case for kernel in GROUPS[group] for case in cases_of(kernel, COUNT, seed=5)]
    differing = differing_on_host(cases, tmp_path)
    assert not differing, {number: (cases[number].kernel.name, str(cases[number].node)) for number in differing}


@pytest.mark.board
@pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
    reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
)
def test_equal_numpy_on_a_cortex_m4(tmp_path: Path) -> None:
    cases = [case for kernel in (*WIDE, *MOVES) for case in cases_of(kernel, max(COUNT // 3, 2), seed=6)]
    differing = differing_on_board(cases, "qemu_mps2_an386", tmp_path)
    assert not differing, {number: (cases[number].kernel.name, str(cases[number].node)) for number in differing}


def test_moves_of_int16_are_among_the_cases_of_every_move() -> None:
    for kernel in (k for k in KERNELS if k.moves_bytes):
        assert {g.inputs[0].dtype for g in accepted_graphs(kernel, 8, seed=1)} == {DType.INT8, DType.INT16}
