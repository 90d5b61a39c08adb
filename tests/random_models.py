"""Random int8 models with a seed and a count: what the interpreter, the generated C and the boards are tested on.

    python -m tests.random_models --seed 7 --count 500          graphs built from the SDK's ops, every third a mutant
    python -m tests.random_models --seed 7 --count 500 --tf     files written by TensorFlow's converter
    python -m tests.random_models --seed 7 --count 500 --states graphs that keep states, over SEQUENCE inferences
    ... --c                        the generated C as well, under the address and undefined-behaviour sanitizers
    ... --board qemu_mps2_an386    and the firmware on that board, of the models that fit it

checks that the interpreter equals TensorFlow Lite Micro on each, and the C the interpreter, and ends with one line of
numbers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np

from tests.graph_growth import dequantized
from tests.graph_mutation import mutate
from tests.random_graphs import random_graphs
from tests.random_tf_models import random_tf_models
from tests.samples import int8_samples
from tests.sequence_graphs import sequence_graphs
from tests.stateful_graphs import stateful_graphs
from tests.tflm import OracleError, run_tflm_cases
from tinyml.errors import TinymlError
from tinyml.exporters.to_tflite import to_tflite
from tinyml.importers.from_tflite import from_tflite
from tinyml.interpreter import Inferences
from tinyml.ir import Array, DType, Graph, Node, Tensor, verify
from tinyml.ops import Dequantize, Quantize
from tinyml.passes import optimize

__all__ = [
    "RandomModel",
    "check",
    "from_graphs",
    "from_sequence_graphs",
    "from_stateful_graphs",
    "from_tensorflow",
    "mutate",
    "random_graphs",
    "random_tf_models",
]

SAMPLES, SEQUENCE, BATCH = 5, 24, 50
MUTANT_EVERY, FLOAT_EVERY = 3, 5


@dataclass(frozen=True)
class RandomModel:
    """A model in both forms: the Graph that we run, float at its borders or not, and the file that the oracle runs."""

    graph: Graph
    tflite: bytes

    @property
    def name(self) -> str:
        return self.graph.name

    @cached_property
    def int8(self) -> Graph:
        """What is generated: the graph after all passes."""
        return verify(optimize(self.graph), "int8")

    def int8_samples(self, count: int = SAMPLES) -> list[tuple[Array, ...]]:
        """All -128, all 127, all zero point, then noise; one array per input."""
        return int8_samples(self.int8, count)

    def samples(self, count: int = SAMPLES) -> list[tuple[Array, ...]]:
        """The same as the file takes them: real numbers for an input that is float."""
        pairs = list(zip(self.graph.inputs, self.int8.inputs, strict=True))
        return [
            tuple(
                dequantized(inner, values) if outer.dtype.is_float else values
                for (outer, inner), values in zip(pairs, sample, strict=True)
            )
            for sample in self.int8_samples(count)
        ]

    def expected(self, count: int = SAMPLES) -> list[tuple[Array, ...]]:
        """The interpreter's outputs on `samples` one after another, before any pass."""
        inferences = Inferences(self.graph)
        return [inferences.run(sample) for sample in self.samples(count)]

    def as_stated(self, outputs: Sequence[Array]) -> tuple[Array, ...]:
        """int8 outputs as the file gives them: real numbers for one that is float."""
        pairs = zip(self.graph.outputs, self.int8.outputs, outputs, strict=True)
        return tuple(dequantized(inner, q) if outer.dtype.is_float else q for outer, inner, q in pairs)


def from_graphs(seed: int, count: int) -> Iterator[RandomModel]:
    """Random graphs with the files that the exporter makes of them; every third is a mutant, every fifth has float
    inputs and outputs."""
    for index, graph in enumerate(random_graphs(seed, count)):
        if index % MUTANT_EVERY == MUTANT_EVERY - 1:
            graph = mutate(graph, np.random.default_rng([seed, index, 1]))
        if index % FLOAT_EVERY == FLOAT_EVERY - 1:
            graph = with_float_borders(graph)
        yield RandomModel(graph, to_tflite(graph))


def from_sequence_graphs(seed: int, count: int) -> Iterator[RandomModel]:
    """Random graphs of what transformers are made of."""
    for graph in sequence_graphs(seed, count):
        yield RandomModel(graph, to_tflite(graph))


def from_stateful_graphs(seed: int, count: int) -> Iterator[RandomModel]:
    """Random graphs with states; every fifth has float inputs and outputs."""
    for index, graph in enumerate(stateful_graphs(seed, count)):
        graph = with_float_borders(graph) if index % FLOAT_EVERY == FLOAT_EVERY - 1 else graph
        yield RandomModel(graph, to_tflite(graph))


def with_float_borders(graph: Graph) -> Graph:
    """A QUANTIZE behind each input, a DEQUANTIZE before each output."""
    reals = [Tensor(f"{t.name}_real", t.shape, DType.FLOAT32) for t in graph.inputs]
    first = [Node(t.name, Quantize(), (real,), (t,)) for t, real in zip(graph.inputs, reals, strict=True)]
    last = [
        Node(f"{t.name}_real", Dequantize(), (t,), (Tensor(f"{t.name}_real", t.shape, DType.FLOAT32),))
        for t in graph.outputs
    ]
    outputs = tuple(node.output for node in last)
    nodes = (*first, *graph.nodes, *last)
    return verify(replace(graph, nodes=nodes, inputs=tuple(reals), outputs=outputs), "imported")


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
    return [_differences(model, samples, outputs) for model, outputs in zip(batch, expected, strict=True)]


def _differences(model: RandomModel, samples: int, expected: Sequence[Sequence[Array]]) -> str:
    try:
        found = model.expected(samples)
    except TinymlError as error:
        return str(error)
    return first_difference(model.graph, found, expected, "TFLM")


def first_difference(
    graph: Graph, found: Sequence[Sequence[Array]], expected: Sequence[Sequence[Array]], reference: str
) -> str:
    """The first output that differs, or "" when all are equal to the bit."""
    for index, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        for tensor, mine, other in zip(graph.outputs, ours, theirs, strict=True):
            if mine.shape != other.shape or mine.dtype != other.dtype or (mine != other).any():
                return f"output {tensor.name!r} of sample {index} differs from {reference}"
    return ""


def main() -> int:
    from tests import random_c  # it needs this module

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--tf", action="store_true", help="files of TensorFlow's converter")
    parser.add_argument("--states", action="store_true", help="graphs that keep states")
    parser.add_argument("--c", action="store_true", help="check the generated C too")
    parser.add_argument("--board", help="check the firmware on this board too")
    arguments = parser.parse_args()

    start = time.monotonic()
    source = from_tensorflow if arguments.tf else from_stateful_graphs if arguments.states else from_graphs
    models, samples = list(source(arguments.seed, arguments.count)), SEQUENCE if arguments.states else SAMPLES
    checks = {"TFLM": check(models, samples)}
    if arguments.c:
        checks["C"] = random_c.check_c(models, samples)
    if arguments.board:
        checks[arguments.board] = random_c.check_on_board(models, arguments.board, samples)
    faults: Counter[str] = Counter()
    checked: Counter[str] = Counter()
    for what, results in checks.items():
        for model, fault in results:
            checked[what] += 1
            if fault:
                faults[what] += 1
                print(f"{model.name}: {what}: {fault}")
    kinds = Counter(node.op.kind for model in models for node in model.graph.nodes)
    differ = ", ".join(f"{faults[what]} of {checked[what]} differ by {what}" for what in checks)
    seconds = time.monotonic() - start
    print(
        f"{len(models)} models, {kinds.total()} nodes of {len(kinds)} kinds, {differ}, {seconds:.0f} s: "
        f"{', '.join(f'{kind} {count}' for kind, count in kinds.most_common())}"
    )
    return int(faults.total() > 0)


if __name__ == "__main__":
    sys.exit(main())
