"""Damaged model files through the whole chain up to C: a seed and a count.

    python -m tests.hostile_models --seed 7 --count 5000

Each ends in C or in one TinymlError, within SECONDS of processor time.
"""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

from codegen import Sources, generate, select_kernels
from tests.importers.mutations import contradicted, mutations
from tests.importers.tflite_files import case_file, tiny_network
from tests.op_cases import CASES
from tests.random_models import from_graphs
from tests.stateful_graphs import streaming_network
from tinyml.errors import TinymlError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.ir import verify
from tinyml.passes import optimize
from tinyml.scheduler import make_plan

SECONDS = 5.0
PER_FILE = 20  # mutations of one file


class TooSlow(Exception):
    """A case took more than SECONDS of processor time."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {seconds} s")

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def whole_chain(data: bytes) -> Sources:
    """The C of a model file."""
    graph = verify(optimize(from_tflite(data, "hostile")), "int8")
    return generate(make_plan(graph, select_kernels(graph)))


def files(seed: int) -> Iterator[bytes]:
    """Small valid files without end: one per op, two networks, random graphs."""
    numbers = np.random.default_rng(seed)
    while True:
        yield to_tflite(tiny_network())
        yield to_tflite(streaming_network())
        yield from (case_file(kind, int(numbers.integers(1000))) for kind in CASES)
        yield from (model.tflite for model in from_graphs(int(numbers.integers(2**31)), 40))


def damaged(seed: int, count: int) -> Iterator[bytes]:
    for number, data in enumerate(files(seed)):
        rng = np.random.default_rng([seed, number])
        copies = [
            *mutations(data, PER_FILE // 2, seed + number),
            *(contradicted(data, rng) for _ in range(PER_FILE // 2)),
        ]
        for copy in copies[:count]:
            count -= 1
            yield copy
        if not count:
            return


def outcome(data: bytes) -> str:
    """ "C", the name of the TinymlError, or else a traceback."""
    try:
        with time_limit(SECONDS):
            whole_chain(data)
        return "C"
    except TinymlError as error:
        return type(error).__name__ if error.message else "an error without a message"
    except Exception:
        return traceback.format_exc(limit=-6)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()
    outcomes = Counter(outcome(data) for data in damaged(arguments.seed, arguments.count))
    for text, count in outcomes.most_common():
        print(f"{count:6} {text}")
    return int(any("Traceback" in text for text in outcomes))


if __name__ == "__main__":
    sys.exit(main())
