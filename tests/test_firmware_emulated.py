"""The firmware on every emulated board: start-up, both directions of the serial line, ticks, stack, faults."""

from __future__ import annotations

import re
import shutil
import zlib
from pathlib import Path

import pytest

from tests.emulated import talk
from tests.toy_model import INPUT, expected_output, toy_sources
from tinyml.board import Board, board_names, load_board
from tinyml.firmware import build_firmware
from tinyml.toolchain import Toolchain, installed_toolchains

pytestmark = pytest.mark.board
EMULATED = [board for name in board_names() if (board := load_board(name)).emulator]
RUNS = [(board, compiler) for board in EMULATED for compiler in installed_toolchains(board)]
TRAP = r"e-\[Trap pc=#8 ra=#8 mcause=0x00000002\]"
FAULT = r"e-\[HardFault pc=#8 lr=#8"
LOAD = b"tml load 64 %08x%%" % zlib.crc32(INPUT) + INPUT


@pytest.fixture(autouse=True)
def _needs_an_emulator(request: pytest.FixtureRequest) -> None:
    board = request.getfixturevalue("board") if "board" in request.fixturenames else EMULATED[0]
    if shutil.which(board.emulator[0]) is None:
        pytest.skip(f"{board.emulator[0]} is not installed")
    if not installed_toolchains(board):
        pytest.skip(f"no compiler for {board.name} is installed")


def ticks_of(said: str) -> list[int]:
    return [int(ticks) for ticks in re.findall(r"m-tml-ticks-\[(\d+)\]", said)]


@pytest.mark.parametrize(("board", "compiler"), RUNS, ids=lambda value: value.name)
def test_a_model_runs_and_its_stack_is_predicted(board: Board, compiler: Toolchain, tmp_path: Path) -> None:
    firmware = build_firmware(toy_sources(), board, tmp_path / "out", toolchain=compiler)
    commands = [b"tml poison a5%", LOAD, b"infer 1 0%", b"tml output%", b"tml peak%", b"tml ticks%"]
    said = talk(board, firmware.elf, commands)
    assert f"m-tml-data-[0 {expected_output().hex()}]" in said
    found = re.search(r"m-tml-peak-\[stack=(\d+);", said)
    assert found
    measured, predicted = int(found[1]), firmware.sections.stack_bytes
    total = firmware.sections.sram_bytes
    assert measured <= predicted
    assert predicted - measured <= 0.05 * total
    assert ticks_of(said)[0] > 0


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.name)
def test_instruction_counts_repeat_to_the_digit(board: Board, tmp_path: Path) -> None:
    firmware = build_firmware(toy_sources(), board, tmp_path / "out")
    commands = [LOAD, *[b"infer 1 0%", b"tml ticks%"] * 5]
    counts = {board.counter.count(ticks) for _ in range(2) for ticks in ticks_of(talk(board, firmware.elf, commands))}
    assert len(counts) == 1
    assert 400 < counts.pop() < 4000


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.name)
def test_a_counter_counts_instructions_exactly(board: Board, tmp_path: Path) -> None:
    """Ten nops more are ten instructions more."""
    counts = []
    for nops in (0, 10):
        statement = f'__asm volatile(".rept {nops}\\n nop\\n .endr");'
        firmware = build_firmware(toy_sources(statement=statement), board, tmp_path / "out")
        said = talk(board, firmware.elf, [LOAD, b"infer 1 0%", b"tml ticks%"])
        counts.append(board.counter.count(ticks_of(said)[0]))
    assert counts[1] - counts[0] == 10


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.name)
def test_a_fault_is_reported_and_stops(board: Board, tmp_path: Path) -> None:
    instruction, says = ("unimp", TRAP) if board.template == "riscv" else ("udf #0", FAULT)
    firmware = build_firmware(toy_sources(statement=f'__asm volatile("{instruction}");'), board, tmp_path / "out")
    said = talk(board, firmware.elf, [b"infer 1 0%"], ends={b"infer 1 0%": b"]\r\n"})
    assert re.search(says.replace("#8", "0x[0-9a-f]{8}"), said)


@pytest.mark.parametrize("board", EMULATED, ids=lambda board: board.name)
def test_reset_and_exit_start_again(board: Board, tmp_path: Path) -> None:
    firmware = build_firmware(toy_sources(), board, tmp_path / "out")
    restarted = b"m-init-done\r\nm-ready\r\n"
    said = talk(board, firmware.elf, [b"tml exit%", b"name%"], ends={b"tml exit%": restarted})
    assert said.count("m-init-done") == 2 and f"m-name-dut-[{board.name}]" in said


@pytest.mark.parametrize("compiler", installed_toolchains(load_board("qemu_mps2_an386")), ids=lambda found: found.name)
@pytest.mark.parametrize(
    "board", [board for board in EMULATED if "fpu" in board.cpu.features], ids=lambda board: board.name
)
def test_the_fpu_is_on(board: Board, compiler: Toolchain, tmp_path: Path) -> None:
    statement = "volatile float x = (float)sums[0]; x = x * 0.5f; toy_arena[64] = (int8_t)x;"
    firmware = build_firmware(toy_sources(statement=statement), board, tmp_path / "out", toolchain=compiler)
    said = talk(board, firmware.elf, [LOAD, b"infer 1 0%", b"tml output%"])
    assert "m-tml-output-[16 " in said


def test_helium_is_on(tmp_path: Path) -> None:
    board = load_board("qemu_mps3_an547")
    statement = '__asm volatile("vmov.i32 q0, #1\\n vmov.32 r0, q0[1]" ::: "q0", "r0");'
    for compiler in installed_toolchains(board):
        firmware = build_firmware(toy_sources(statement=statement), board, tmp_path / "out", toolchain=compiler)
        assert "m-infer-done" in talk(board, firmware.elf, [LOAD, b"infer 1 0%"])
