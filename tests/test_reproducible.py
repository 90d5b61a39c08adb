"""The same model gives the same bytes: C, plans and binaries, whenever, wherever and by whomever they are made."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codegen import Sources, generate
from tests.cli.commands import small_graph, write_model
from tests.op_cases import CASES
from tinyml import pipeline
from tinyml.board import load_board
from tinyml.toolchain import installed_toolchains

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "examples/digits/digits_int8.tflite"
DATE = re.compile(r"\b(19|20)\d\d[-/]\d\d?[-/]\d\d?\b|__DATE__|__TIME__|__TIMESTAMP__|__FILE__")

_PRINT_HASH = """
import hashlib, json, sys
from codegen import generate
from tinyml import pipeline
files = generate(pipeline.plan(pipeline.load(sys.argv[1]))).files
print(hashlib.sha256(json.dumps(dict(files)).encode()).hexdigest())
"""


def sources_of(path: Path) -> Sources:
    return generate(pipeline.plan(pipeline.load(path)))


@pytest.mark.parametrize("kind", CASES)
def test_generate_twice(kind: str, tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.tflite", CASES[kind](np.random.default_rng(3)))
    assert sources_of(path).files == sources_of(path).files


def test_generate_in_another_process_with_another_hash_seed() -> None:
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC+{seed}"}
        command = [sys.executable, "-c", _PRINT_HASH, str(DIGITS)]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def traces(text: str) -> Iterator[str]:
    """What tells of the time, the place or the person."""
    yield from (match[0] for match in DATE.finditer(text))
    places = {str(ROOT), str(Path.home()), str(Path.cwd()), "/tmp/"} - {"/"}
    yield from (place for place in places if place in text)
    user = getpass.getuser()
    if re.search(rf"\b{re.escape(user)}\b", text) and user not in ("root",):
        yield user


def test_no_date_path_or_user_in_the_c() -> None:
    for name, text in sources_of(DIGITS).files.items():
        assert not list(traces(text)), name


@pytest.mark.parametrize("board", ["host", "qemu_mps2_an386", "rpi_pico"])
def test_binaries_do_not_depend_on_the_place(board: str, tmp_path: Path) -> None:
    target = load_board(board)
    if not installed_toolchains(target):
        pytest.skip(f"no compiler for {board}")
    plan = pipeline.plan(pipeline.load(write_model(tmp_path / "m.tflite", small_graph())), target)
    here, there = tmp_path / "here", tmp_path / "a longer way to there"
    for directory in (here, there):
        pipeline.build(plan, directory)
    for path in sorted(p for p in here.rglob("*") if p.is_file()):
        content = path.read_bytes()
        assert content == (there / path.relative_to(here)).read_bytes(), path.name
        assert not list(traces(content.decode("latin-1"))), path.name


def test_the_written_makefile_rebuilds_the_same_binary(tmp_path: Path) -> None:
    if shutil.which("make") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("make or arm-none-eabi-gcc is not installed")
    plan = pipeline.plan(pipeline.load(write_model(tmp_path / "m.tflite", small_graph())), "qemu_mps2_an386")
    firmware = pipeline.build(plan, tmp_path / "out")
    built = firmware.elf.read_bytes()
    firmware.elf.unlink()
    subprocess.run(["make", "-C", str(firmware.output_dir)], capture_output=True, check=True)
    assert firmware.elf.read_bytes() == built
