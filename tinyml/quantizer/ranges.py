"""One range per group of tensors: observed over the samples, then chosen by an observer or by measured error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinyml import interpreter
from tinyml.errors import ModelError
from tinyml.ir import Array, Graph, Node, Quant, Tensor, shown
from tinyml.ops import Concatenation, Pad
from tinyml.quantizer.histogram import Histogram
from tinyml.quantizer.measure import Error, Sample, Tick, as_int8_and_back
from tinyml.quantizer.observers import CANDIDATES, OBSERVERS, activation_quant
from tinyml.quantizer.rules import Group, groups, shares

AUTO = "auto"
FIXED = "fixed"


@dataclass(frozen=True, eq=False)
class Observation:
    """What the samples showed. histograms: of the values that came into each group from outside it."""

    graph: Graph
    groups: tuple[Group, ...]
    histograms: Mapping[Group, Histogram]


@dataclass(frozen=True)
class Choice:
    """The quantization of a group, and which observer gave it: a key of CANDIDATES, or FIXED."""

    quant: Quant
    observer: str


def observe(graph: Graph, samples: Sequence[Sample], tick: Tick) -> Observation:
    """Runs the float graph over all samples. ModelError where it computes NaN or infinity."""
    found = groups(graph)
    roots = {t: Histogram() for group in found for t in group.tensors if _comes_in(graph, t)}
    for sample in samples:
        with np.errstate(over="ignore", invalid="ignore"):  # found and named below
            values = interpreter.run_all(graph, sample)
        for tensor, histogram in roots.items():
            _require_finite(values[tensor], tensor)
            histogram.add(values[tensor])
        tick()
    histograms = {group: _merged([roots[t] for t in group.tensors if t in roots]) for group in found}
    of = {tensor: group for group in found for tensor in group.tensors}
    for node in graph.nodes:
        for value in _constants_copied(node):
            histograms[of[node.outputs[0]]].widen(value)
    return Observation(graph, found, histograms)


def _comes_in(graph: Graph, tensor: Tensor) -> bool:
    producer = graph.producer.get(tensor)
    return producer is None or not shares(producer)


def _merged(parts: Sequence[Histogram]) -> Histogram:
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    return whole


def _constants_copied(node: Node) -> list[float]:
    """Numbers that a node writes into its output besides its operands' values."""
    if isinstance(node.op, Pad):
        return [node.op.value or 0.0]
    if isinstance(node.op, Concatenation):
        constants = [tensor.data for tensor in node.inputs if tensor.data is not None]
        return [float(bound) for data in constants for bound in (data.min(), data.max())]
    return []


def _require_finite(values: Array, tensor: Tensor) -> None:
    if not np.isfinite(values).all():
        raise ModelError(
            f"the float model computes NaN or infinity in {shown(tensor.name)} from these samples",
            "check that the samples are scaled as in training",
        )


def fixed_choices(observation: Observation) -> dict[Group, Choice]:
    return {group: Choice(group.fixed, FIXED) for group in observation.groups if group.fixed}


def choose(observation: Observation, observer: str) -> Mapping[Group, Choice]:
    """The same observer for every group. observer: a key of OBSERVERS."""
    chosen = {
        group: Choice(activation_quant(*OBSERVERS[observer](histogram)), observer)
        for group, histogram in observation.histograms.items()
    }
    return {**chosen, **fixed_choices(observation)}


def choose_by_error(observation: Observation, samples: Sequence[Sample], tick: Tick) -> Mapping[Group, Choice]:
    """For every group the candidate that disturbs its readers least, measured on the samples.

    Only the group's tensors are quantized, everything else stays float; noise per signal is added up over the outputs
    of all nodes outside the group that read it, and over the graph outputs in it.
    """
    candidates = {group: _candidates(observation, group) for group in observation.groups if not group.fixed}
    errors = {group: [_ReaderErrors() for _ in found] for group, found in candidates.items()}
    for sample in samples:
        values = interpreter.run_all(observation.graph, sample)
        for group, found in candidates.items():
            for choice, error in zip(found, errors[group], strict=True) if len(found) > 1 else ():
                error.add(observation.graph, group, choice.quant, values)
        tick()
    chosen = {
        group: min(zip(found, errors[group], strict=True), key=lambda pair: pair[1].ratio)[0]
        for group, found in candidates.items()
    }
    return {**chosen, **fixed_choices(observation)}


def _candidates(observation: Observation, group: Group) -> list[Choice]:
    """Distinct quantizations, the first observer to give one names it."""
    distinct: dict[Quant, Choice] = {}
    for name, observer in CANDIDATES.items():
        quant = activation_quant(*observer(observation.histograms[group]))
        distinct.setdefault(quant, Choice(quant, name))
    return list(distinct.values())


class _ReaderErrors:
    """Errors at the readers of a group under one candidate."""

    def __init__(self) -> None:
        self._errors: dict[object, Error] = {}

    def add(self, graph: Graph, group: Group, quant: Quant, values: Mapping[Tensor, Array]) -> None:
        for tensor in group.tensors:
            readers = [node for node in graph.consumers.get(tensor, ()) if not shares(node)]
            if not readers and tensor not in graph.outputs:
                continue
            rounded = as_int8_and_back(values[tensor], quant)
            if tensor in graph.outputs:
                self._error(tensor).add(values[tensor], rounded)
            for node in readers:
                operands = [rounded if t is tensor else values[t] for t in node.inputs]
                for output, result in zip(node.outputs, node.op.run_float(node, operands), strict=True):
                    self._error((node, tensor)).add(values[output], result)

    def _error(self, place: object) -> Error:
        return self._errors.setdefault(place, Error())

    @property
    def ratio(self) -> float:
        return sum(error.ratio for error in self._errors.values())


def quant_of(choices: Mapping[Group, Choice]) -> Mapping[Tensor, Quant]:
    return {tensor: choice.quant for group, choice in choices.items() for tensor in group.tensors}


__all__ = ["AUTO", "FIXED", "Choice", "Observation", "choose", "choose_by_error", "observe", "quant_of"]
