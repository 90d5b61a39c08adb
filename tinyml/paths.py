"""Where the SDK's own data lies: boards, firmware templates, C kernels."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent


def _data(name: str) -> Path:
    """A top-level folder of the checkout, or its copy inside the installed package."""
    installed = _PACKAGE / f"_{name}"
    return installed if installed.is_dir() else _CHECKOUT / name


BOARDS = _data("boards")
FIRMWARE_TEMPLATES = _data("firmware_templates")
CODEGEN = _CHECKOUT / "codegen"
