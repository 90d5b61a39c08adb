"""Random int8 models with a seed and a count: what the interpreter, the generated C and the boards are tested on.

    python -m tests.random_models --seed 7 --count 500          graphs built from the SDK's ops, every third a mutant
    python -m tests.random_models --seed 7 --count 500 --tf     files written by TensorFlow's converter

checks that the interpreter equals TensorFlow Lite Micro on each and ends with one line of numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from tests.graph_mutation import mutate
from tests.random_graphs import random_graphs
from tests.random_tf_models import random_tf_models
from tests.samples import int8_samples
from tests.tflm import OracleError, run_tflm_cases
from tinyml import interpreter
from tinyml.errors import TinymlError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.ir import Array, Graph

__all__ = ["RandomModel", "check", "from_graphs", "from_tensorflow", "mutate", "random_graphs", "random_tf_models"]

SAMPLES, BATCH, MUTANT_EVERY = 5, 50, 3


@dataclass(frozen=True)
class RandomModel:
    """A model in both forms: the Graph that we run, and the file that the oracle runs."""

    graph: Graph
    tflite: bytes

    @property
    def name(self) -> str:
        return self.graph.name

    def samples(self, count: int = SAMPLES) -> list[tuple[Array, ...]]:
        """All -128, all 127, all zero point, then noise; one array per input."""
        return int8_samples(self.graph, count)


def from_graphs(seed: int, count: int) -> Iterator[RandomModel]:
    """Random graphs with the files that the exporter makes of them; every third is a mutant."""
    for index, graph in enumerate(random_graphs(seed, count)):
        if index % MUTANT_EVERY == MUTANT_EVERY - 1:
            graph = mutate(graph, np.random.default_rng([seed, index, 1]))
        yield RandomModel(graph, to_tflite(graph))


def from_tensorflow(seed: int, count: int) -> Iterator[RandomModel]:
    """Files of TensorFlow's converter with the graphs that the importer makes of them."""
    for name, data in random_tf_models(seed, count):
        yield RandomModel(from_tflite(data, name), data)


def check(models: Iterable[RandomModel], samples: int = SAMPLES) -> Iterator[tuple[RandomModel, str]]:
    """(model, what is wrong or "") for each model: interpreter against TFLM, on `samples` inputs."""
    remaining = iter(models)
    while batch := list(islice(remaining, BATCH)):
        yield from zip(batch, _check_batch(batch, samples), strict=True)


def _check_batch(batch: Sequence[RandomModel], samples: int) -> list[str]:
    cases = [(model.tflite, model.samples(samples)) for model in batch]
    try:
        expected = run_tflm_cases(cases)
    except OracleError as error:
        # one model ended the oracle's process: ask it about each alone
        return [_check_batch([model], samples)[0] for model in batch] if len(batch) > 1 else [str(error)]
    return [
        _differences(model, rows, outputs) for model, (_, rows), outputs in zip(batch, cases, expected, strict=True)
    ]


def _differences(model: RandomModel, rows: Sequence[Sequence[Array]], expected: Sequence[Sequence[Array]]) -> str:
    for index, (sample, outputs) in enumerate(zip(rows, expected, strict=True)):
        try:
            ours = interpreter.run(model.graph, sample)
        except TinymlError as error:
            return str(error)
        for tensor, mine, theirs in zip(model.graph.outputs, ours, outputs, strict=True):
            if mine.shape != theirs.shape or (mine != theirs).any():
                return f"output {tensor.name!r} of sample {index} differs from TFLM"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--tf", action="store_true", help="files of TensorFlow's converter")
    arguments = parser.parse_args()

    start = time.monotonic()
    kinds: Counter[str] = Counter()
    faults = 0
    source = from_tensorflow if arguments.tf else from_graphs
    for model, fault in check(source(arguments.seed, arguments.count)):
        kinds.update(node.op.kind for node in model.graph.nodes)
        if fault:
            faults += 1
            print(f"{model.name}: {fault}")
    seconds = time.monotonic() - start
    print(
        f"{arguments.count} models, {kinds.total()} nodes of {len(kinds)} kinds, {faults} differ from TFLM, "
        f"{seconds:.0f} s: {', '.join(f'{kind} {count}' for kind, count in kinds.most_common())}"
    )
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
