"""Rules of the code base that matter, as tests: who imports whom, file lengths, what is public."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A module imports from its own package and from lower lines only. The longest matching prefix counts.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("tinyml._version", "tinyml.errors", "tinyml.install_hints", "tinyml.paths"),
    ("tinyml.ir", "tinyml.board", "tinyml.output"),
    ("tinyml.ops",),
    ("tinyml.kernel", "tinyml.elf", "tinyml.riscv", "tinyml.stack_walk", "tinyml.thumb"),
    ("tinyml.interpreter", "tinyml.samples", "tinyml.stack_analysis", "tinyml.toolchain"),
    ("tinyml.importers", "tinyml.exporters", "tinyml.passes", "tinyml.scheduler"),
    ("codegen", "tinyml.costs", "tinyml.report"),
    (
        "tinyml.quantizer",
        "tinyml.firmware",
        "tinyml.firmware_project",
        "tinyml.remedies",
        "tinyml.tflm_bundle",
        "tinyml.tuning",
    ),
    ("tinyml.device",),
    ("tinyml.profiler",),
    ("tinyml.exports",),
    ("tinyml.pipeline",),
    ("tinyml.search", "tinyml.host", "tinyml", "tinyml.doctor", "tinyml.settings"),
    ("tinyml.cli",),
    ("tinyml.__main__",),
)
# within one line, who may import whom besides itself
NEIGHBOURS = {
    ("tinyml.passes", "tinyml.interpreter"),
    ("tinyml.importers", "tinyml.passes"),
    ("tinyml.firmware", "tinyml.firmware_project"),
    ("tinyml.tflm_bundle", "tinyml.firmware_project"),
    ("tinyml.elf", "tinyml.thumb"),
    ("tinyml.riscv", "tinyml.stack_walk"),
    ("tinyml.thumb", "tinyml.stack_walk"),
    ("tinyml.stack_analysis", "tinyml.thumb"),
}
# third-party package -> the only modules that may import it
ONLY_IN = {
    "torch": ("tinyml.importers.from_torch", "tinyml.quantizer.qat", "tinyml.search", "tinyml.host"),
    "onnx": ("tinyml.importers.from_onnx", "tinyml.exporters.to_onnx"),
    "google": ("tinyml.importers.from_onnx",),
    "tensorflow": ("tinyml.importers.from_keras",),
    "serial": ("tinyml.device.link", "tinyml.device.emulator"),
    "tflite_micro": ("tinyml.profiler.tflm_process",),
    "ai_edge_litert": ("tinyml.importers", "tinyml.exporters"),
    "ortools": ("tinyml.scheduler.packing",),
    "elftools": ("tinyml.elf", "tinyml.stack_analysis"),
    "capstone": ("tinyml.thumb", "tinyml.stack_analysis"),
    "PIL": ("tinyml.quantizer.images",),
    "pytest": ("tinyml.testing",),
    "click": ("tinyml.cli",),
    "rich": ("tinyml.cli",),
    "matplotlib": ("tinyml.report.png",),
}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("tinyml", "codegen"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def layer(module: str) -> tuple[int, str]:
    """(line, prefix) of a module; the longest prefix wins."""
    prefixes = ((i, p) for i, line in enumerate(LAYERS) for p in line if module == p or module.startswith(p + "."))
    return max(prefixes, key=lambda found: len(found[1]))


def imported(path: Path) -> Iterator[str]:
    """Full names of what a file imports when it runs; `if TYPE_CHECKING` blocks do not count."""
    for node in _running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                place = ROOT / name.replace(".", "/")
                yield name if place.is_dir() or place.with_suffix(".py").exists() else node.module


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


@pytest.mark.parametrize("module, path", list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_point_downwards(module: str, path: Path) -> None:
    line, prefix = layer(module)
    for name in imported(path):
        if name.split(".")[0] not in ("tinyml", "codegen"):
            allowed = ONLY_IN.get(name.split(".")[0])
            assert allowed is None or module.startswith(allowed), f"{module} imports {name}"
            continue
        other_line, other = layer(name)
        same = other == prefix or (prefix, other) in NEIGHBOURS
        assert same or other_line < line, f"{module} imports {name}, which is not below it"


def sources() -> list[Path]:
    patterns = ("tinyml/**/*.py", "codegen/**/*.py", "codegen/**/*.h", "firmware_templates/**/*.[ch]", "tests/**/*.py")
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def test_files_are_short() -> None:
    long = {str(p.relative_to(ROOT)): n for p in sources() if (n := len(p.read_text().splitlines())) > LONGEST_FILE}
    assert not long


def test_functions_are_short() -> None:
    long = []
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long.append(f"{path.relative_to(ROOT)}:{node.name} {length}")
    assert not long


def test_everything_public_can_be_imported() -> None:
    import tinyml

    assert sorted(tinyml.__all__) == tinyml.__all__
    for name in tinyml.__all__:
        assert getattr(tinyml, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = tinyml.nothing


def test_importing_tinyml_is_cheap() -> None:
    program = "import sys, tinyml; print([m for m in ('numpy', 'ortools', 'click', 'serial') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_no_shell_no_pickle() -> None:
    for module, path in modules():
        text = path.read_text()
        assert "shell=True" not in text and "import pickle" not in text and "allow_pickle=True" not in text, module


@pytest.mark.parametrize(
    "command", [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]], ids=" ".join
)
def test_static_checks_pass(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
