"""A device that runs a model: the host process, an emulator or silicon, all over the same protocol.

with connect(board) as device:
    device.flash(firmware)
    (output,) = device.invoke([x])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from tinyml.board import Board
from tinyml.device import flasher, protocol
from tinyml.device.emulator import EmulatorLink, require_emulator
from tinyml.device.link import Link, ProcessLink, SerialLink, SerialPort, list_ports, require_port
from tinyml.device.protocol import BuildIdentity, Peak
from tinyml.device.session import Progress, Session
from tinyml.errors import DeviceError, UsageError
from tinyml.ir import channels_first_hint

Array = npt.NDArray[Any]
_T = TypeVar("_T")

# A byte that happens to equal one poison differs from the other.
POISONS = (0xA5, 0x5A)
RUN_TIMEOUT_S = 120.0


class FirmwareImage(Protocol):
    """What a device asks of a firmware. Shapes, and types by numpy's names: of the C API's inputs, outputs."""

    @property
    def elf(self) -> Path: ...
    @property
    def model_sha256(self) -> str: ...
    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def output_types(self) -> tuple[str, ...]: ...
    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def input_types(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Measurement:
    """One input's cost on a device. peak: over both poisons. ticks: of one run, at the identity's tick_hz."""

    peak: Peak
    ticks: int


class Device:
    """One board, connected on first use.

    run_timeout: longest wait for one `tml run`, in seconds.
    """

    def __init__(
        self,
        open_link: Callable[[FirmwareImage | None], Link],
        firmware: FirmwareImage | None = None,
        *,
        timeout: float = 5.0,
        sync_timeout: float = 10.0,
        run_timeout: float = RUN_TIMEOUT_S,
    ) -> None:
        self._open_link = open_link
        self._firmware = firmware
        self._timeouts = (timeout, sync_timeout)
        self._run_timeout = run_timeout
        self._session: Session | None = None
        self._identity: BuildIdentity | None = None
        self._sequence: list[bytes] | None = None  # inputs since the states began; None while that is unknown

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the link, and the process or emulator behind it."""
        if self._session is not None:
            self._session.close()
        self._session = self._identity = self._sequence = None

    def flash(self, firmware: FirmwareImage) -> BuildIdentity:
        """Puts the firmware on the device, starts it and makes sure that it is the one that answers.

        Raises ToolchainError (no emulator), DeviceError (no flasher, no port, another model answers), LinkError.
        """
        self.close()
        self._firmware = firmware
        self._session = self._connect(self._open_link(firmware))
        return self.info()

    def _connect(self, link: Link) -> Session:
        timeout, sync_timeout = self._timeouts
        session = Session(link, timeout=timeout, sync_timeout=sync_timeout)
        try:
            session.synchronize()
        except BaseException:
            session.close()
            raise
        return session

    @property
    def session(self) -> Session:
        """The conversation with the device; opens the link when none is open."""
        if self._session is None:
            self._session = self._connect(self._open_link(None))
        return self._session

    def info(self) -> BuildIdentity:
        """Who answers. Raises DeviceError when it is not the firmware that was flashed."""
        if self._identity is None:
            identity = protocol.parse_identity(self.session.ask("info"))
            expected = self._firmware.model_sha256 if self._firmware else identity.model_sha256
            if identity.model_sha256 != expected:
                raise DeviceError(
                    f"the device runs model {identity.model!r} ({identity.model_sha256[:12]}), not {expected[:12]}",
                    hint="flash the firmware again, or check that the port is this board's",
                )
            self._identity = identity
        return self._identity

    def forget(self) -> None:
        """The next inference is the first of a sequence: the model's states, if it has any, begin anew.

        The first inference after `flash`, or on a device found running, begins a sequence by itself.
        """
        self._sequence = None

    def load(self, data: bytes, progress: Progress | None = None) -> None:
        """Fills the model's inputs with `data`, all of them end to end. Raises UsageError for a wrong size."""
        self._check_size(data)
        self.session.retry(lambda: self.session.load(data, progress))

    def _check_size(self, data: bytes) -> None:
        expected = sum(self.info().input_bytes)
        if len(data) != expected:
            raise UsageError(f"{len(data)} input bytes; the model takes {expected}")

    def invoke(self, inputs: Array | Sequence[Array], *, progress: Progress | None = None) -> list[Array]:
        """One inference.

        inputs: int8 (or int16), one array per input with as many values as the input has, in the C API's order.
        Returns one such array per output, in the shape the firmware states (flat when it states none).
        Raises UsageError, also for channels that come first; LinkError.
        """
        return self._split(self.invoke_bytes(self._join(inputs), progress))

    def invoke_bytes(self, data: bytes, progress: Progress | None = None) -> bytes:
        """One inference on raw bytes: all inputs end to end in, all outputs end to end out, CRC-checked both ways."""
        self._check_size(data)
        return self._on_fresh_input(data, self._output, progress)

    def measure(self, inputs: Array | Sequence[Array]) -> Measurement:
        """Peak stack and arena and the ticks of one inference. Leaves no output behind."""
        data = self._join(inputs)
        found = [self._measure(data, poison) for poison in POISONS]
        stack = max(one.peak.stack_bytes for one in found)
        return Measurement(Peak(stack, max(one.peak.arena_bytes for one in found)), found[-1].ticks)

    def _measure(self, data: bytes, poison: int) -> Measurement:
        def read() -> Measurement:
            peak = protocol.parse_peak(self.session.ask_once("peak"), poison)
            return Measurement(peak, int(self.session.ask_once("ticks")))

        return self._on_fresh_input(data, read, poison=poison)

    def step_ticks(self, inputs: Array | Sequence[Array]) -> tuple[int, ...]:
        """Ticks per step of one inference. Raises Refusal when the firmware is no profile build."""

        def read() -> tuple[int, ...]:
            return protocol.parse_steps(self.session.ask_once("steps"))

        return self._on_fresh_input(self._join(inputs), read)

    def trace(self, inputs: Array | Sequence[Array]) -> tuple[tuple[int, ...], list[Array]]:
        """(CRC-32 of what each step wrote, outputs) of one inference. Raises Refusal when it is no trace build."""

        def read() -> tuple[tuple[int, ...], bytes]:
            return protocol.parse_crcs(self.session.ask_once("crc")), self._output()

        crcs, data = self._on_fresh_input(self._join(inputs), read)
        return crcs, self._split(data)

    def ticks(self) -> int:
        """Ticks of the last run."""
        return int(self.session.ask("ticks"))

    def _on_fresh_input(
        self, data: bytes, then: Callable[[], _T], progress: Progress | None = None, poison: int | None = None
    ) -> _T:
        """Loads, runs once and returns what `then` reads; the whole anew when anything on the way is damaged.

        Of a model with states, that is the whole sequence of inferences up to this one.
        """
        session, stateful = self.session, self.info().state_bytes > 0
        before = self._sequence if self._sequence is not None else []
        states_known = not stateful or self._sequence is not None

        def attempt() -> _T:
            nonlocal states_known
            if not states_known:
                self._repeat(before)
            states_known = not stateful
            if poison is not None:
                session.ask_once("poison", f"{poison:02x}")
            session.load(data, progress)
            self._run()
            return then()

        result = session.retry(attempt)
        if stateful:
            before.append(data)
            self._sequence = before
        return result

    def _repeat(self, sequence: Sequence[bytes]) -> None:
        """A sequence of inferences from its start."""
        self.session.ask_once("forget")
        for data in sequence:
            self.session.load(data)
            self._run()

    def _run(self) -> None:
        lines = self.session.exchange(
            protocol.command("tml run 1 0"), lambda line: line == protocol.RUN_DONE, self._run_timeout
        )
        if "m-warmup-start-0" not in lines or "m-infer-start-1" not in lines:
            raise protocol.GarbledAnswer("the device ran another number of inferences than 1")

    def _output(self) -> bytes:
        def last(line: str) -> bool:
            return protocol.checked(line, "output") is not None

        return protocol.parse_output(self.session.exchange(protocol.command("tml output"), last))

    def _join(self, inputs: Array | Sequence[Array]) -> bytes:
        arrays = [inputs] if isinstance(inputs, np.ndarray) else list(map(np.asarray, inputs))
        sizes = self.info().input_bytes
        if len(arrays) != len(sizes):
            raise UsageError(f"{len(arrays)} input arrays; the model takes {len(sizes)}")
        types = self._firmware.input_types if self._firmware else ("int8",) * len(sizes)
        for index, (array, size, kind) in enumerate(zip(arrays, sizes, types, strict=True)):
            if array.dtype != kind or array.nbytes != size:
                wanted = size // np.dtype(kind).itemsize
                raise UsageError(
                    f"input {index} is {array.dtype} of {array.size} values; the model takes {kind} of {wanted}"
                )
        for array, shape in zip(arrays, self._firmware.input_shapes if self._firmware else (), strict=False):
            if hint := channels_first_hint(array.shape[array.shape[:1] == (1,) :], shape[1:]):
                raise UsageError(f"an input of shape {array.shape}, channels first, for {shape}", hint)
        return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)

    def _split(self, data: bytes) -> list[Array]:
        sizes = self.info().output_bytes
        shapes = self._firmware.output_shapes if self._firmware else tuple((size,) for size in sizes)
        types = self._firmware.output_types if self._firmware else ("int8",) * len(sizes)
        ends = np.cumsum(sizes)[:-1]
        parts = np.split(np.frombuffer(data, np.int8), ends)
        return [part.view(kind).reshape(shape) for part, shape, kind in zip(parts, shapes, types, strict=True)]


def connect(board: Board, port: str | None = None, firmware: FirmwareImage | None = None) -> Device:
    """A device for the board. The host process and emulators start with `flash`; silicon is reached at `port`.

    port: a serial port or pyserial URL; found by the board's USB ids when None.
    firmware: the one the device is expected to run already (silicon), or to start with (host, emulator).
    """
    if port is not None:
        return Device(lambda image: _open_port(board, port, image), firmware)
    if board.template == "host":
        return Device(lambda image: ProcessLink([str(_needed(board, image or firmware).elf)]), firmware)
    if board.emulator is not None:
        argv = board.emulator
        return Device(lambda image: EmulatorLink(argv, _needed(board, image or firmware).elf), firmware)
    return Device(lambda image: _open_port(board, None, image), firmware)


def require_reachable(board: Board, port: str | None = None) -> None:
    """What can be known before there is a firmware to flash: that emulator, flasher and port are there.

    Raises ToolchainError, DeviceError.
    """
    if port is None and board.emulator is not None:
        require_emulator(board.emulator[0])
    elif port is not None or board.template != "host":
        if board.flasher is not None:
            flasher.require_tool(board)
        require_port(port or find_port(board, list_ports()))


def _needed(board: Board, firmware: FirmwareImage | None) -> FirmwareImage:
    if firmware is None:
        raise UsageError(f"{board.name} runs nothing yet", hint="flash a firmware first")
    return firmware


def _open_port(board: Board, port: str | None, image: FirmwareImage | None) -> Link:
    """Flashes `image`, if one is given, and opens the port."""
    if image is not None and board.flasher is not None:
        flasher.flash(board, image.elf)
    uart = board.drivers.get("uart")
    baud = uart.fields.get("baud", 115_200) if uart else 115_200
    return SerialLink(port or find_port(board, list_ports()), baud)


def find_port(board: Board, ports: Sequence[SerialPort]) -> str:
    """The one port whose USB ids are the board's. Raises DeviceError that lists the candidates otherwise."""
    matching = [port for port in ports if port.usb_id and port.usb_id in board.usb_ids]
    if len(matching) == 1:
        return matching[0].device
    if matching:
        listed = ", ".join(f"{port.device} ({port.description})" for port in matching)
        raise DeviceError(f"{len(matching)} ports may be {board.name}: {listed}", hint="name one with --port")
    listed = ", ".join(port.device for port in ports) or "none"
    raise DeviceError(
        f"no serial port is {board.name}'s; this machine has: {listed}",
        hint="plug the board in or name one with --port",
    )
