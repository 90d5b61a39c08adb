"""tinyml/ir/requantize.py and codegen/include/tml_requantize.h are twins: equal on edges, ties and random values."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.host_c import SANITIZERS, WARNINGS
from tinyml.ir import Array
from tinyml.ir.requantize import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from tinyml.paths import CODEGEN

RANDOM = 200_000
SHIFTS = range(-31, 31)

_PROGRAM = """\
#include <stdio.h>
#include "tml_requantize.h"

int main(void)
{
    int32_t in[3];
    while (fread(in, sizeof in, 1, stdin) == 1) {
        const int32_t out[3] = {
            tml_requantize(in[0], in[1], in[2]),
            tml_doubling_high_mul(in[0], in[1]),
            tml_rounding_shift_right(in[0], in[2] < 0 ? -in[2] : in[2]),
        };
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
"""


# __ARM_ARCH_6M__: as on a core without a long multiplication
@pytest.fixture(scope="module", params=[(), ("-D__ARM_ARCH_6M__",)], ids=["long", "halves"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads triples (value, multiplier, shift), writes the three results for each."""
    directory = tmp_path_factory.mktemp("requantize")
    (directory / "main.c").write_text(_PROGRAM)
    command = [
        "gcc",
        "-std=c11",
        *WARNINGS,
        "-O1",
        *SANITIZERS,
        *request.param,
        f"-I{CODEGEN / 'include'}",
        "-o",
        "program",
        "main.c",
    ]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory / "program"


def assert_twins_agree(program: Path, values: Array, multipliers: Array, shifts: Array) -> None:
    triples = np.stack([np.asarray(a, np.int32) for a in np.broadcast_arrays(values, multipliers, shifts)], axis=-1)
    done = subprocess.run([program], input=triples.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    got = np.frombuffer(done.stdout, np.int32).reshape(-1, 3)
    value, multiplier, shift = (triples.reshape(-1, 3)[:, i].astype(np.int64) for i in range(3))
    np.testing.assert_array_equal(got[:, 0], multiply_by_quantized_multiplier(value, multiplier, shift))
    np.testing.assert_array_equal(got[:, 1], saturating_rounding_doubling_high_mul(value, multiplier))
    np.testing.assert_array_equal(got[:, 2], rounding_divide_by_pot(value, np.abs(shift)))


def test_edges_at_every_shift(program: Path) -> None:
    near = np.array([-2, -1, 0, 1, 2])
    edges = [INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX - 1, INT32_MAX]
    powers = [sign * (1 << bit) + step for bit in range(31) for sign in (1, -1) for step in near]
    values = np.unique(np.clip([*edges, *powers], INT32_MIN, INT32_MAX))
    multipliers = np.array([0, 1, 1 << 30, (1 << 30) + 1, INT32_MAX - 1, INT32_MAX, INT32_MIN])
    assert_twins_agree(program, values[:, None, None], multipliers[None, :, None], np.array(SHIFTS)[None, None, :])


def test_ties_at_every_right_shift(program: Path) -> None:
    # a multiplier of 2**30 halves: the first rounding meets odd values, the second the odd multiples of half a step
    odd = np.arange(-9, 10, 2)
    for shift in range(-30, 0):
        ties = odd * (1 << -shift)
        values = ties[np.abs(ties) <= INT32_MAX]
        assert_twins_agree(
            program, np.concatenate([values, values + 1, values - 1, odd]), np.array(1 << 30), np.array(shift)
        )


def test_random_values(program: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(INT32_MIN, INT32_MAX, RANDOM, endpoint=True)
    values >>= rng.integers(0, 31, RANDOM)
    multipliers = rng.integers(1 << 30, INT32_MAX, RANDOM, endpoint=True)
    assert_twins_agree(program, values, multipliers, rng.integers(-31, 31, RANDOM))


@pytest.mark.parametrize(
    ("value", "multiplier", "shift", "result"),
    [
        (3, 1 << 30, 0, 2),  # 1.5, a tie, goes up
        (-3, 1 << 30, 0, -1),  # -1.5: the nudge and the truncating division send it towards +infinity
        (6, 1 << 30, -1, 2),  # 6 * 0.5 * 0.5 = 1.5
        (-6, 1 << 30, -1, -2),  # the second rounding takes ties away from zero
        (5, 1 << 30, -1, 2),  # 1.25 is rounded to 3 halves first, then up: the double rounding of TFLM
        (INT32_MIN, INT32_MIN, 0, INT32_MAX),  # the one product that saturates
        (1, INT32_MAX, 30, 1 << 30),
        (4, INT32_MAX, 30, 0),  # 4 << 30 wraps
        (INT32_MAX, INT32_MAX, -31, 1),
    ],
)
def test_rounding_by_hand(program: Path, value: int, multiplier: int, shift: int, result: int) -> None:
    assert int(multiply_by_quantized_multiplier(np.array(value), multiplier, shift)) == result
    assert_twins_agree(program, np.array(value), np.array(multiplier), np.array(shift))


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (0.0, (0, 0)),
        (1.0, (1 << 30, 1)),
        (0.5, (1 << 30, 0)),
        (1 - 2.0**-40, (1 << 30, 1)),  # the mantissa rounds up to the next power of two
        (2.0**-32, (1 << 30, -31)),
        (2.0**-33, (0, 0)),
        (2.0**29, (1 << 30, 30)),
        (2.0**30, (INT32_MAX, 30)),
    ],
)
def test_quantize_multiplier(real: float, expected: tuple[int, int]) -> None:
    assert quantize_multiplier(real) == expected
