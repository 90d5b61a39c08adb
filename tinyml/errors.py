"""Every error the SDK raises on purpose.

    TinymlError                      exit code
    ├── CheckError                   1   a check failed: differs, below the threshold
    │   └── FitError                 1   the model does not fit the board
    ├── UsageError                   2   wrong argument, file or setting
    │   ├── ModelError               2   the model file is damaged or contradicts itself
    │   └── BoardError               2   unknown board or a fault in its TOML
    ├── UnsupportedError             3   an op, type or shape the SDK does not implement
    ├── ToolchainError               4   no compiler, or it failed
    ├── DeviceError                  5   no device, several devices, flashing failed
    └── LinkError                    6   the device answered late, garbled or not at all
        ├── LinkTimeout              6
        └── ProtocolError            6

A message says what went wrong, where, how much, and what to do next. `hint` holds the last part, printed after "try:".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class TinymlError(Exception):
    """Base of all SDK errors. `hint` is the next thing to try, or empty."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  try: {self.hint}" if self.hint else self.message


class CheckError(TinymlError):
    exit_code = 1


class FitError(CheckError):
    """remedies: what would make the model fit, the nearest first, as facts: kind, value, arena_bytes, text."""

    def __init__(self, message: str, hint: str = "", remedies: Sequence[Mapping[str, object]] = ()) -> None:
        super().__init__(message, hint)
        self.remedies = tuple(remedies)


class UsageError(TinymlError):
    exit_code = 2


class ModelError(UsageError):
    pass


class BoardError(UsageError):
    pass


class UnsupportedError(TinymlError):
    exit_code = 3


class ToolchainError(TinymlError):
    exit_code = 4


class DeviceError(TinymlError):
    exit_code = 5


class LinkError(TinymlError):
    exit_code = 6


class LinkTimeout(LinkError):
    pass


class ProtocolError(LinkError):
    pass
