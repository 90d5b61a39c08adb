"""tinyml/ir/fixed_point.py and codegen/include/tml_fixed_point.h are twins; what has no twin is near libm."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.host_c import SANITIZERS, WARNINGS
from tinyml.ir import Array
from tinyml.ir.fixed_point import (
    exp_on_negative_values,
    logistic,
    one_over_one_plus_x,
    reciprocal,
    saturating_shift_left,
    tanh,
)
from tinyml.ir.requantize import INT32_MAX, INT32_MIN
from tinyml.paths import CODEGEN

RANDOM = 100_000

_PROGRAM = """\
#include <stdio.h>
#include "tml_fixed_point.h"

int main(void)
{
    int32_t in[2];
    while (fread(in, sizeof in, 1, stdin) == 1) {
        int32_t bits = 0;
        const int32_t scale = tml_reciprocal((uint32_t)in[0] != 0U ? (uint32_t)in[0] : 1U, 12, &bits);
        const int32_t out[4] = {
            tml_one_over_one_plus_x(in[0] & INT32_MAX), tml_saturating_shift_left(in[0], in[1]), scale, bits,
        };
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads pairs (value, exponent), writes the four results for each."""
    directory = tmp_path_factory.mktemp("fixed_point")
    (directory / "main.c").write_text(_PROGRAM)
    command = ["gcc", "-std=c11", *WARNINGS, "-O1", *SANITIZERS, f"-I{CODEGEN / 'include'}", "-o", "program", "main.c"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory / "program"


def edges() -> Array:
    powers = [sign * (1 << bit) + step for bit in range(32) for sign in (1, -1) for step in (-2, -1, 0, 1, 2)]
    return np.unique(np.clip([INT32_MIN, *powers, INT32_MAX], INT32_MIN, INT32_MAX)).astype(np.int64)


def assert_twins_agree(program: Path, values: Array, exponents: Array) -> None:
    pairs = np.stack(np.broadcast_arrays(values, exponents), axis=-1).astype(np.int32)
    done = subprocess.run([program], input=pairs.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    got = np.frombuffer(done.stdout, np.int32).reshape(-1, 4)
    value, exponent = (pairs.reshape(-1, 2)[:, i].astype(np.int64) for i in range(2))
    scale, bits = reciprocal(np.maximum(value & 0xFFFFFFFF, 1), 12)
    np.testing.assert_array_equal(got[:, 0], one_over_one_plus_x(value & INT32_MAX))
    shifted = np.concatenate([saturating_shift_left(value[exponent == e], e) for e in np.unique(exponent)])
    np.testing.assert_array_equal(np.concatenate([got[exponent == e, 1] for e in np.unique(exponent)]), shifted)
    np.testing.assert_array_equal(got[:, 2], scale)
    np.testing.assert_array_equal(got[:, 3], bits)


def test_edges_at_every_exponent(program: Path) -> None:
    assert_twins_agree(program, edges()[:, None], np.arange(31)[None, :])


def test_random_values(program: Path) -> None:
    rng = np.random.default_rng(0)
    assert_twins_agree(program, rng.integers(INT32_MIN, INT32_MAX + 1, RANDOM), rng.integers(0, 31, RANDOM))


@pytest.mark.parametrize("integer_bits", [4, 5])
def test_exp_is_near_exp(integer_bits: int) -> None:
    raw = -np.unique(np.random.default_rng(1).integers(0, INT32_MAX, RANDOM))
    real = raw / 2.0 ** (31 - integer_bits)
    assert np.abs(exp_on_negative_values(raw, integer_bits) / 2.0**31 - np.exp(real)).max() < 1e-6
    assert exp_on_negative_values(np.array([0]), integer_bits)[0] == INT32_MAX


def test_logistic_and_tanh_are_near_libm_and_symmetric() -> None:
    raw = np.random.default_rng(2).integers(-INT32_MAX, INT32_MAX, RANDOM)
    real = raw / 2.0**27
    assert np.abs(logistic(raw, 4) / 2.0**31 - 1 / (1 + np.exp(-real))).max() < 1e-6
    assert np.abs(tanh(raw, 4) / 2.0**31 - np.tanh(real)).max() < 1e-6
    np.testing.assert_array_equal(tanh(-raw, 4), -tanh(raw, 4))
    assert logistic(np.array([0]), 4)[0] == 1 << 30
