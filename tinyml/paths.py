"""Where the SDK's own data lies: boards, firmware templates, C kernels."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOARDS = ROOT / "boards"
FIRMWARE_TEMPLATES = ROOT / "firmware_templates"
CODEGEN = ROOT / "codegen"
