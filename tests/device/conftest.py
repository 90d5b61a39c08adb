"""The host firmware around a hand-written fake model, compiled with sanitizers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tinyml.device.link import ProcessLink

from .fake_firmware import FakeFirmware

ROOT = Path(__file__).resolve().parents[2]
COMMON = ROOT / "firmware_templates/common"
FAKE_MODEL = Path(__file__).parent / "fake_model"
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., FakeFirmware]:
    """Compiles the host firmware with the given extra flags; one build per set of flags and session."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    built: dict[tuple[str, ...], FakeFirmware] = {}

    def compile_firmware(*flags: str) -> FakeFirmware:
        if flags not in built:
            elf = tmp_path_factory.mktemp("firmware") / "fake.elf"
            sources = [*sorted(COMMON.glob("*.c")), ROOT / "firmware_templates/host/port_host.c", FAKE_MODEL / "fake.c"]
            argv = ["gcc", *WARNINGS, *SANITIZERS, *flags, f"-I{COMMON}", f"-I{FAKE_MODEL}", *map(str, sources)]
            subprocess.run([*argv, "-o", str(elf)], check=True)
            built[flags] = FakeFirmware(elf)
        return built[flags]

    return compile_firmware


@pytest.fixture
def link(build: Callable[..., FakeFirmware]) -> Iterator[ProcessLink]:
    process = ProcessLink([str(build().elf)])
    yield process
    process.close()
