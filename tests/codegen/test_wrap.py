from __future__ import annotations

from pathlib import Path

from codegen import generate
from codegen.wrap import WIDTH, wrapped
from tests.host_c import plan_graph
from tinyml import pipeline

DIGITS = Path(__file__).resolve().parents[2] / "examples/digits/digits_int8.tflite"


def test_what_fits_stays_on_one_line() -> None:
    assert wrapped("tml_conv2d_s8(&p, a, b);", "    ") == ["    tml_conv2d_s8(&p, a, b);"]


def test_a_long_call_hangs_under_its_first_argument() -> None:
    first, second = "x" * 60, "y" * 60
    assert wrapped(f"call({first}, {second}, z);", "  ") == [f"  call({first},", f"       {second}, z);"]


def test_arguments_too_long_to_hang_start_on_their_own_line() -> None:
    function, argument = "f" * 60, "x" * 60
    assert wrapped(f"{function}(&{argument}, a, b);") == [f"{function}(", f"    &{argument}, a, b);"]


def test_structs_break_too() -> None:
    text = f".inner = {{{', '.join(f'.field_{i} = {i}' for i in range(20))}}},"
    lines = wrapped(text, "    ")
    assert max(map(len, lines)) <= WIDTH
    assert all(line.startswith(" " * len("    .inner = {")) for line in lines[1:])
    assert " ".join(line.strip() for line in lines) == text


def test_generated_code_keeps_to_the_width() -> None:
    sources = generate(plan_graph(pipeline.load(DIGITS)))
    code = sources.files["digits_int8.c"].split("*/", 1)[1]
    assert max(map(len, code.splitlines())) <= WIDTH
