"""A pytest plugin: tests of a model on boards, emulated or real. docs/testing.md shows how to use it.

    # conftest.py
    pytest_plugins = ["tinyml.testing"]

    @pytest.fixture(scope="session")
    def tinyml_model():
        return "model.tflite"

    # test_model.py
    def test_equals_the_interpreter(device, tinyml_graph): ...

`pytest --tinyml-board host,qemu_mps2_an386` runs every test that takes a fixture of the plugin once per board.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyml import pipeline
from tinyml.board import Board, load_board
from tinyml.device.device import Device, find_port
from tinyml.device.link import list_ports
from tinyml.errors import BoardError, DeviceError, ToolchainError
from tinyml.firmware import Firmware
from tinyml.ir import Graph
from tinyml.scheduler import Plan
from tinyml.toolchain import find_toolchain


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tinyml", "tests on boards")
    group.addoption(
        "--tinyml-board",
        metavar="NAMES",
        default=os.environ.get("TINYML_BOARD", "host"),
        help="Boards to test on, with commas between (default: TINYML_BOARD, else host).",
    )
    group.addoption(
        "--tinyml-port",
        metavar="PORT",
        default=os.environ.get("TINYML_PORT"),
        help="Serial port or pyserial URL of the one board (default: TINYML_PORT, else found by USB ids).",
    )


def pytest_configure(config: pytest.Config) -> None:
    try:
        boards = [load_board(name) for name in _names(config)]
    except BoardError as error:
        raise pytest.UsageError(str(error)) from error
    if config.getoption("--tinyml-port") and len(boards) != 1:
        raise pytest.UsageError(f"--tinyml-port is the port of one board, and {len(boards)} are given")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "tinyml_board" in metafunc.fixturenames:
        metafunc.parametrize("tinyml_board", _names(metafunc.config), indirect=True, scope="session")


def _names(config: pytest.Config) -> list[str]:
    return [name.strip() for name in str(config.getoption("--tinyml-board")).split(",")]


@pytest.fixture(scope="session")
def tinyml_board(request: pytest.FixtureRequest) -> Board:
    """The board under test. Skips where its compiler or its emulator is not installed."""
    board = load_board(request.param)
    try:
        find_toolchain(board)
    except ToolchainError as error:
        pytest.skip(f"{board.name}: {error.message}")
    if board.emulator is not None and shutil.which(board.emulator[0]) is None:
        pytest.skip(f"{board.name}: {board.emulator[0]} is not installed")
    return board


@pytest.fixture(scope="session")
def tinyml_model() -> str | Path | Graph:
    """The model under test, a file or an int8 graph. Projects define this fixture themselves."""
    raise pytest.UsageError('define a session-scoped fixture "tinyml_model" that returns the path of the model')


@pytest.fixture(scope="session")
def tinyml_graph(tinyml_model: str | Path | Graph) -> Graph:
    """The int8 graph of `tinyml_model`: what the device must equal, by `tinyml.run(graph, x)`."""
    return tinyml_model if isinstance(tinyml_model, Graph) else pipeline.load(tinyml_model)


@pytest.fixture(scope="session")
def tinyml_plan(tinyml_graph: Graph, tinyml_board: Board) -> Plan:
    """The schedule, with the defaults of `tinyml.plan`. A project that builds with others defines this fixture."""
    return pipeline.plan(tinyml_graph, tinyml_board)


@pytest.fixture(scope="session")
def tinyml_port(tinyml_board: Board, request: pytest.FixtureRequest) -> str | None:
    """The board's serial port; None for the host and for emulators. Skips where no port is the board's."""
    given: str | None = request.config.getoption("--tinyml-port")
    if given is not None or tinyml_board.template == "host" or tinyml_board.emulator is not None:
        return given
    try:
        return find_port(tinyml_board, list_ports())
    except DeviceError as error:
        pytest.skip(f"{error.message} (--tinyml-port PORT names one)")


@pytest.fixture(scope="session")
def firmware(tinyml_plan: Plan, tinyml_board: Board, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    """The model built for the board, in a temporary directory. Fails, not skips, where it does not fit or compile."""
    return pipeline.build(tinyml_plan, tmp_path_factory.mktemp(tinyml_board.name) / "firmware", board=tinyml_board)


@pytest.fixture(scope="session")
def device(tinyml_port: str | None, firmware: Firmware) -> Iterator[Device]:
    """The board running `firmware`, flashed once for all tests."""
    with pipeline.connect(firmware.board, tinyml_port) as connected:
        connected.flash(firmware)
        yield connected
