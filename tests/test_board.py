from __future__ import annotations

from pathlib import Path

import pytest

from tinyml.board import CORES, Board, Counter, Driver, board_names, load_board, read_board
from tinyml.errors import BoardError
from tinyml.paths import FIRMWARE_TEMPLATES

NAMES = [
    "host",
    "nrf52840_dk",
    "nucleo_f446re",
    "nucleo_h743zi2",
    "nucleo_l4r5zi",
    "qemu_microbit",
    "qemu_mps2_an385",
    "qemu_mps2_an386",
    "qemu_mps2_an500",
    "qemu_mps3_an547",
    "qemu_netduinoplus2",
    "qemu_riscv32_virt",
    "rpi_pico",
    "stm32f746g_disco",
]

GOOD = """
title = "A board"
template = "cortex_m"
[cpu]
core = "cortex-m4"
clock_hz = 1000
[[memory]]
name = "flash"
kind = "flash"
address = 0
size_bytes = 1024
[[memory]]
name = "sram"
kind = "sram"
address = 0x20000000
size_bytes = 512
[clock]
driver = "reset"
[uart]
driver = "cmsdk"
base = 0x40004000
[counter]
driver = "dwt"
unit = "cycles"
tick_hz = 1000
"""


def board_of(tmp_path: Path, text: str) -> Board:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return read_board(path)


def test_the_boards_are_these() -> None:
    assert board_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_board_has_all_that_a_build_needs(name: str) -> None:
    board = load_board(name)
    assert board.title and board.sram_bytes > 0 and board.flash_bytes > 0 and board.cpu.clock_hz > 0
    assert board.cpu.core in CORES
    assert (FIRMWARE_TEMPLATES / board.template).is_dir()
    if board.template != "host":
        folders = (FIRMWARE_TEMPLATES / board.template, FIRMWARE_TEMPLATES / "bare_metal")
        for kind, driver in board.drivers.items():
            file = f"{kind}_{driver.name}.{'S' if kind == 'boot' else 'c'}"
            assert any((folder / file).exists() for folder in folders)
        assert "no" in board.notes or board.emulator, "silicon that nobody ran says so"
    if board.emulator is None and board.template != "host":
        assert "not run on silicon yet" in board.notes
        assert board.counter.tick_hz == board.cpu.clock_hz and board.counter.unit == "cycles"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "host"])
def test_only_emulated_boards_sleep_while_they_wait_for_a_byte(name: str) -> None:
    """Cycle counters stop in sleep on silicon."""
    board = load_board(name)
    assert ("receive_irq" in board.drivers["uart"].fields) == (board.emulator is not None)


@pytest.mark.parametrize("name", [name for name in NAMES if load_board(name).emulator])
def test_emulated_ticks_convert_to_whole_instructions(name: str) -> None:
    counter = load_board(name).counter
    assert counter.icount_shift is not None
    instruction_ps = 1000 << counter.icount_shift
    tick_ps = 10**12 // counter.tick_hz
    assert 2 * tick_ps < instruction_ps or instruction_ps % tick_ps == 0
    for instructions in (1, 7, 963, 1_000_003):
        for phase_ps in range(0, tick_ps, 1000):
            ticks = (phase_ps + instructions * instruction_ps) // tick_ps - phase_ps // tick_ps
            assert counter.count(ticks) == instructions


def test_cycles_are_not_converted() -> None:
    assert Counter(Driver("dwt"), "cycles", 180_000_000).count(12345) == 12345


def test_an_unknown_board_names_the_nearest() -> None:
    with pytest.raises(BoardError, match="nucleo_f446") as caught:
        load_board("nucleo_f446")
    assert "nucleo_f446re" in caught.value.hint
    with pytest.raises(BoardError):
        load_board("../boards/host")


def test_a_board_outside_the_project_is_read(tmp_path: Path) -> None:
    board = board_of(tmp_path, GOOD)
    assert (board.name, board.sram_bytes, board.drivers["uart"].fields) == ("mine", 512, {"base": 0x40004000})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('title = "A board"', "title = ", "not valid TOML"),
        ('title = "A board"', "", "'title' is missing"),
        ('title = "A board"', 'title = "A board"\nflahser = "pyocd"', "unknown key 'flahser', 'flasher' perhaps"),
        ('core = "cortex-m4"', 'core = "cortex-a9"', "cortex-a9"),
        ("clock_hz = 1000", 'clock_hz = "fast"', "'clock_hz' is 'fast'"),
        ("size_bytes = 512", "size_bytes = -1", "'size_bytes' is -1"),
        ('kind = "sram"', 'kind = "ram"', "'ram'"),
        ('kind = "sram"', 'kind = "flash"', "no [[memory]] is of kind 'sram'"),
        ('name = "sram"', 'name = "s); evil"', "will not do"),
        ("base = 0x40004000", '"BASE 1" = 2', "not a lower-case name"),
        ("base = 0x40004000", "base = true", "'base' is True"),
        ('[clock]\ndriver = "reset"', "", "[clock] is missing"),
        ('unit = "cycles"', 'unit = "years"', "'years'"),
        ("tick_hz = 1000", "tick_hz = 0", "'tick_hz' is 0"),
        ('title = "A board"', 'title = "A board"\nimages = ["exe"]', "'exe'"),
        ('title = "A board"', 'title = "A board"\nimages = [1]', "not a string"),
    ],
)
def test_a_fault_in_the_toml_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(BoardError) as caught:
        board_of(tmp_path, GOOD.replace(old, new))
    assert says in caught.value.message and "mine.toml" in caught.value.message
    assert caught.value.exit_code == 2


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="No such file"):
        read_board(tmp_path / "gone.toml")
