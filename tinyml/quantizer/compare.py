"""Two models on the same inputs: how far their outputs agree, and from which layer on they part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyml import interpreter
from tinyml.errors import UsageError
from tinyml.ir import Array, Graph, Tensor
from tinyml.quantizer.calibration import Calibration, Progress
from tinyml.quantizer.measure import Error, Sample, to_codes, to_real


@dataclass(frozen=True)
class Layer:
    """A tensor that both models name alike, and the SQNR of the second model's values in decibels."""

    name: str
    sqnr_db: float


@dataclass(frozen=True)
class Comparison:
    """The second model against the first, in real numbers.

    sqnr_db: of all outputs, the first model's being the signal. greatest_difference: of any two output values.
    top1_agreement: the share of samples with the same greatest first output. accuracy_a, accuracy_b: the share of
    samples whose greatest output is the label; None without labels. The three are None for outputs of one value.
    """

    samples: int
    sqnr_db: float
    greatest_difference: float
    top1_agreement: float | None
    accuracy_a: float | None
    accuracy_b: float | None
    layers: Sequence[Layer]


def compare(a: Graph, b: Graph, data: Calibration, progress: Progress | None = None) -> Comparison:
    """a, b: float or int8, with inputs and outputs of the same shapes. UsageError otherwise."""
    for side, ours, theirs in (("inputs", a.inputs, b.inputs), ("outputs", a.outputs, b.outputs)):
        if [t.shape for t in ours] != [t.shape for t in theirs]:
            raise UsageError(
                f"{a.name} and {b.name} have {side} of other shapes: {_shapes(ours)} and {_shapes(theirs)}"
            )
    common = _common(a, b)
    errors = [Error() for _ in common]
    outputs = [Error() for _ in a.outputs]
    greatest, winners = 0.0, []
    for number, sample in enumerate(data.inputs):
        first, second = _real_values(a, sample), _real_values(b, sample)
        for error, (t, twin) in zip(errors, common, strict=True):
            error.add(first[t], second[twin])
        for error, t, twin in zip(outputs, a.outputs, b.outputs, strict=True):
            error.add(first[t], second[twin])
            greatest = max(greatest, float(np.abs(first[t] - second[twin]).max()))
        winners.append([int(np.argmax(first[a.outputs[0]])), int(np.argmax(second[b.outputs[0]]))])
        if progress:
            progress(number + 1, len(data))
    votes = np.array(winners) if a.outputs[0].size > 1 else None
    hits = None if votes is None or data.labels is None else (votes == data.labels[:, None]).mean(axis=0)
    return Comparison(
        samples=len(data),
        sqnr_db=Error(len(outputs), sum(error.ratio for error in outputs)).sqnr_db,
        greatest_difference=greatest,
        top1_agreement=None if votes is None else float((votes[:, 0] == votes[:, 1]).mean()),
        accuracy_a=None if hits is None else float(hits[0]),
        accuracy_b=None if hits is None else float(hits[1]),
        layers=[Layer(pair[0].name, error.sqnr_db) for pair, error in zip(common, errors, strict=True)],
    )


def _shapes(tensors: Sequence[Tensor]) -> str:
    return ", ".join(str(list(tensor.shape)) for tensor in tensors)


def _common(a: Graph, b: Graph) -> list[tuple[Tensor, Tensor]]:
    """Activations of one name and shape, in the order of the first model."""
    theirs = {(t.name, t.shape): t for t in b.tensors if not t.is_constant}
    return [(t, theirs[t.name, t.shape]) for t in a.tensors if not t.is_constant and (t.name, t.shape) in theirs]


def _real_values(graph: Graph, sample: Sample) -> Mapping[Tensor, Array]:
    """Every activation in real numbers, and every output that is a constant."""
    inputs = [x if t.dtype.is_float else to_codes(x, t) for x, t in zip(sample, graph.inputs, strict=True)]
    values = interpreter.run_all(graph, inputs)
    wanted = {*graph.outputs, *(tensor for tensor in values if not tensor.is_constant)}
    return {t: values[t] if t.dtype.is_float else to_real(values[t], t.affine) for t in wanted}
