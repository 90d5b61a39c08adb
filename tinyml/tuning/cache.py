"""What kernels took on a device, kept in files: one per core (per board, where it counts cycles), compiler and SDK.

The files lie in $TINYML_CACHE/tuning, else $XDG_CACHE_HOME/tinyml/tuning, else ~/.cache/tinyml/tuning. A file that
cannot be read is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyml.board import Board
from tinyml.costs import kernel_sources, step_calls
from tinyml.errors import UsageError
from tinyml.output import write_file
from tinyml.scheduler import Step
from tinyml.toolchain import Toolchain

log = logging.getLogger(__name__)

FORMAT = 1


def cache_dir() -> Path:
    """Where measurements are kept, whether it is there or not."""
    own = os.environ.get("TINYML_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "tinyml"


def layer_key(step: Step) -> str:
    """What a kernel's count depends on besides the kernel: op, attributes, types, shapes, how it is called."""
    node = step.node
    tensors = [f"{t.dtype.value}[{'x'.join(map(str, t.shape))}]" for t in (*node.inputs, *node.outputs)]
    calls = [
        "+".join(f"{rows}x{times}" for rows, times in by_rows.items()) + f"/{cut.outputs[0].hwc[1]}"
        for cut, by_rows, _ in step_calls(step)
    ]
    return f"{node.op} {' '.join(tensors)} rows {' '.join(calls)}"


@dataclass
class Measurements:
    """Counts by layer and kernel.

    identity: all else that they depend on. path: the file. unit: "instructions" or "cycles".
    """

    path: Path
    identity: dict[str, str]
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        return self.identity["unit"]

    def of(self, step: Step) -> int | None:
        """What was counted, if anything."""
        return self.counts.get(layer_key(step), {}).get(step.kernel.name) if self.counts else None

    def add(self, step: Step, count: int) -> None:
        self.counts.setdefault(layer_key(step), {})[step.kernel.name] = count

    def save(self) -> None:
        """The file, written whole or not at all. Raises UsageError where it cannot be."""
        facts = {"format": FORMAT, "identity": self.identity, "counts": self.counts}
        try:
            write_file(self.path, json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n")
        except UsageError as error:
            raise UsageError(
                error.message, hint="TINYML_CACHE=DIRECTORY names another place for measurements"
            ) from error


def measurements(board: Board, toolchain: Toolchain, optimize: str = "-O2") -> Measurements:
    """Those for a board, a compiler and its level of optimization; none where nothing was measured.

    Warns of a file that cannot be read.
    """
    unit = board.counter.unit
    identity = {
        "core": board.cpu.core,
        "unit": unit if unit == "instructions" else f"{unit} on {board.name}",
        "compiler": str(toolchain),
        "flags": " ".join(toolchain.compile_flags(board, optimize)),
        "kernel_sources": kernel_sources(),
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    found = Measurements(cache_dir() / "tuning" / f"{board.cpu.core}-{digest}.json", identity)
    found.counts = _read(found)
    return found


def any_measurements(board: Board) -> bool:
    """Whether there may be some for the board's core: a look at names, no more."""
    return _is_any((cache_dir() / "tuning").glob(f"{board.cpu.core}-*.json"))


def _is_any(paths: Iterable[Path]) -> bool:
    try:
        return next(iter(paths), None) is not None
    except OSError:
        return False


def _read(wanted: Measurements) -> dict[str, dict[str, int]]:
    try:
        facts: Any = json.loads(wanted.path.read_text(encoding="utf-8"))
        if facts["format"] != FORMAT or facts["identity"] != wanted.identity:
            raise ValueError("it is of another format or for something else")
        return {
            str(layer): {str(kernel): _count(count) for kernel, count in kernels.items()}
            for layer, kernels in facts["counts"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        log.warning("%s is ignored: %s: %s", wanted.path, type(error).__name__, reason)
        return {}


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"a count of {value!r}")
    return value
