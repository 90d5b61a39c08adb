from __future__ import annotations

import importlib.util
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from tinyml.scheduler.packing import Box, align, least_height, live_bound, may_pack, pack

ROOT = Path(__file__).resolve().parents[2]


def random_boxes(rng: np.random.Generator, count: int) -> list[Box]:
    starts = rng.integers(0, 8, count)
    lengths = rng.integers(0, 4, count)
    sizes = rng.integers(1, 40, count)
    return [Box(int(s), int(a), int(a + n)) for s, a, n in zip(sizes, starts, lengths, strict=True)]


def assert_disjoint(boxes: list[Box], offsets: tuple[int, ...]) -> None:
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes[:i]):
            if a.meets(b):
                assert offsets[i] >= offsets[j] + b.size_bytes or offsets[j] >= offsets[i] + a.size_bytes


def brute_force(boxes: list[Box]) -> int:
    """Least height over all first-fit orders: some order reaches the optimum (Gergov 1999)."""

    def height(order: tuple[int, ...]) -> int:
        placed: list[tuple[int, int, Box]] = []
        for index in order:
            box, offset = boxes[index], 0
            for begin, end, other in sorted(placed, key=lambda p: p[0]):
                if other.meets(box):
                    if begin - offset >= box.size_bytes:
                        break
                    offset = max(offset, end)
            placed.append((offset, offset + align(box.size_bytes), box))
        return max(end for _, end, _ in placed)

    return min(height(order) for order in permutations(range(len(boxes))))


@pytest.mark.parametrize("seed", range(40))
def test_boxes_never_overlap(seed: int) -> None:
    boxes = random_boxes(np.random.default_rng(seed), 25)
    packing = pack(boxes)
    assert_disjoint(boxes, packing.offsets)
    assert live_bound(boxes) <= packing.lower_bound_bytes <= packing.total_bytes
    assert packing.total_bytes == max(
        o + -(-b.size_bytes // 4) * 4 for o, b in zip(packing.offsets, boxes, strict=True)
    )


@pytest.mark.parametrize("seed", range(25))
def test_small_cases_equal_brute_force(seed: int) -> None:
    boxes = random_boxes(np.random.default_rng(100 + seed), 6)
    packing = pack(boxes)
    assert packing.total_bytes == packing.lower_bound_bytes == brute_force(boxes)


@pytest.mark.parametrize("seed", range(40))
def test_boxes_that_may_overlap(seed: int) -> None:
    """The least height of boxes all alive at once is what the solver finds for them."""
    rng = np.random.default_rng([3, seed])
    sizes = (4 * rng.integers(1, 20, int(rng.integers(2, 7)))).tolist()
    lows = int(rng.integers(1, len(sizes)))
    pairs = [(low, high) for low in range(lows) for high in range(lows, len(sizes)) if rng.random() < 0.8]
    gaps = {(low, high): 4 * int(rng.integers(0, sizes[low] // 4 + 1)) for low, high in pairs}
    boxes = [Box(size, 0, 0) for size in sizes]
    packing, least = pack(boxes, gaps), least_height(dict(enumerate(sizes)), gaps)
    assert packing.total_bytes == packing.lower_bound_bytes == least == live_bound(boxes, gaps)


@pytest.mark.parametrize("seed", range(25))
def test_may_pack(seed: int) -> None:
    boxes = random_boxes(np.random.default_rng(200 + seed), 9)
    total = pack(boxes).total_bytes
    assert may_pack(boxes, {}, total) and not may_pack(boxes, {}, total - 4)


def test_very_many_boxes_that_may_overlap() -> None:
    """A bound, not an order of all of them."""
    boxes = [Box(40, 0, 0)] * 12
    gaps = {(low, high): 8 for low in range(6) for high in range(6, 12)}
    assert 40 <= live_bound(boxes, gaps) <= pack(boxes, gaps, 0.5).total_bytes


def test_empty() -> None:
    assert pack([]).total_bytes == 0


def test_deterministic() -> None:
    boxes = random_boxes(np.random.default_rng(7), 40)
    assert pack(boxes) == pack(boxes)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed")
@pytest.mark.parametrize("first", ["tensorflow", "ortools.sat.python.cp_model"])
def test_the_solver_lives_beside_tensorflow(first: str) -> None:
    """Both bring a copy of Abseil; the solver used to crash in TensorFlow's."""
    program = (
        f"import {first}, tensorflow\n"
        "import numpy as np\n"
        "from tests.scheduler.test_packing import random_boxes\n"
        "from tinyml.scheduler.packing import _solve\n"
        "boxes = random_boxes(np.random.default_rng(7), 9)\n"
        "print(_solve(boxes, {}, ([40 * i for i in range(9)], 400), 4, 1.0)[1])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    assert int(done.stdout.split()[-1]) > 4


def test_ctrl_c_still_interrupts_after_the_solver_ran() -> None:
    program = (
        "import os, signal; from tests.scheduler.test_packing import random_boxes; import numpy as np\n"
        "from tinyml.scheduler import packing\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where the tests run in the background
        "boxes = random_boxes(np.random.default_rng(0), 12)\n"
        "packing._solve(boxes, {}, packing._first_fit(boxes, {}, range(12)), 1, 0.1)\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT); signal.sigtimedwait([], 1)\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == "interrupted\n", done.stderr
