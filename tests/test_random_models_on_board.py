"""Random models as firmware on an emulated board, over the serial line: the interpreter's bytes, no more memory than
predicted.

More: `python -m tests.random_models --seed 7 --count 100 --board qemu_mps3_an547`.
"""

from __future__ import annotations

import shutil

import pytest

from tests.random_c import check_on_board
from tests.random_models import from_graphs, from_tensorflow

pytestmark = [
    pytest.mark.board,
    pytest.mark.skipif(
        shutil.which("qemu-system-arm") is None or shutil.which("arm-none-eabi-gcc") is None,
        reason="needs qemu-system-arm and arm-none-eabi-gcc: make test installs both",
    ),
]
BOARD = "qemu_mps2_an386"


@pytest.mark.parametrize("seed", range(4))
def test_graphs_and_mutants(seed: int) -> None:
    faults = [f"{model.name}: {fault}" for model, fault in check_on_board(from_graphs(200 + seed, 5), BOARD) if fault]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("board", ("qemu_mps2_an500", "qemu_microbit", "qemu_mps3_an547"))
def test_graphs_and_mutants_on_other_cores(board: str) -> None:
    """Cortex-M7, M0 and M55: one for each optimization."""
    checked = list(check_on_board(from_graphs(210, 3), board))
    faults = [f"{model.name}: {fault}" for model, fault in checked if fault]
    assert len(checked) == 3 and not faults, "\n".join(faults)


@pytest.mark.slow
def test_files_of_the_tensorflow_converter() -> None:
    pytest.importorskip("tensorflow", reason="the converter comes with tensorflow-cpu")
    faults = [f"{model.name}: {fault}" for model, fault in check_on_board(from_tensorflow(200, 5), BOARD) if fault]
    assert not faults, "\n".join(faults)
