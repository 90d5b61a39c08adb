"""How sensitive a model is to the precision of each layer, and the precision that keeps its budgets.

- **Flash.** Layers go to int4 weights, those first whose noise at the outputs per byte saved is least, until weights
  and biases fit. The noise is measured with the layer's weights alone in int4, all else in float.
  Weights of a layer in int16 are int8, and its biases int64: other layers make up for that.
- **SQNR.** Activations go to int16, each time the one that takes most noise off the outputs of the quantized model,
  until these reach the bound. Noises of different layers add up, so an activation's gain hardly changes as others
  follow: it is measured again only when its turn comes (lazy greedy).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tinyml.errors import FitError
from tinyml.ir import Node
from tinyml.quantizer.convert import Conversion, convert, restored
from tinyml.quantizer.measure import Sample, decibels_of, scored, sqnr_db
from tinyml.quantizer.precision import INT4_OPS, Mixed, Precision, may_be_wide, mixed, takes_int16
from tinyml.quantizer.ranges import Choice, Observation, quant_of
from tinyml.quantizer.rules import Group
from tinyml.quantizer.sensitivity import weights_alone

Finish = Callable[[Conversion], Conversion]  # corrects biases, where the variant has that


@dataclass(frozen=True)
class LayerPrecision:
    """A layer and what its precision does to the outputs. Decibels are infinite where nothing is lost.

    weights, activation: "int8", "int4" or "int16", as chosen. weights_bytes: in int8. int4_db: SQNR of the outputs when
    this layer alone has int4 weights and all else is float; None where it has none. int16_db: SQNR of the quantized
    model when this layer's output is int16 besides; None where it cannot be, or is quantized with a layer before.
    """

    name: str
    op: str
    weights: str | None
    activation: str
    weights_bytes: int
    int4_db: float | None
    int16_db: float | None


class PrecisionSearch:
    """One variant of a model: its float graph, observed, with a quantization per group."""

    def __init__(
        self,
        observation: Observation,
        choices: Mapping[Group, Choice],
        dense_per_channel: bool,
        samples: Sequence[Sample],
        finish: Finish,
    ) -> None:
        self._observation, self._choices, self._per_channel = observation, choices, dense_per_channel
        self._samples, self._finish = samples, finish
        graph = observation.graph
        self._layers = [node for node in graph.nodes if isinstance(node.op, INT4_OPS)]
        everything = convert(graph, quant_of(choices), dense_per_channel, int4=self._layers)
        twins = dict(zip(graph.nodes, everything.graph.nodes, strict=True))
        weights = {node: restored(twins[node].inputs[1]) for node in self._layers}
        self._int4_noise = weights_alone(graph, weights, samples)

    def made(self, precision: Precision) -> Mixed:
        return mixed(self._observation, self._choices, precision, self._per_channel)

    def score(self, precision: Precision) -> float:
        """SQNR of the outputs in decibels."""
        conversion = self._finish(self.made(precision).conversion)
        return sqnr_db(conversion, scored(conversion.source), self._samples, lambda: None)

    def weights_bytes(self, precision: Precision) -> int:
        return self.made(precision).conversion.graph.weights_bytes

    def within_flash(self, precision: Precision, budget: int) -> Precision:
        """With as much int4 as it takes. FitError where all of it is not enough."""
        free = [node for node in self._layers if node not in precision.int4 and not _is_wide(node, precision)]
        size = self.weights_bytes(precision)
        saved = {node: size - self.weights_bytes(_with_int4(precision, [node])) for node in free}
        free = sorted((n for n in free if saved[n] > 0), key=lambda node: self._int4_noise[node] / saved[node])
        taken: list[Node] = []
        while size > budget and free:
            taken.append(free.pop(0))
            size -= saved[taken[-1]]
        if size > budget:
            raise FitError(
                f"{self._observation.graph.name}: with int4 in every layer that can have it, weights and biases take "
                f"{size} bytes; the flash budget is {budget}",
                "a greater budget, or a smaller model",
            )
        for node in sorted(taken, key=lambda node: -self._int4_noise[node]):
            if size + saved[node] <= budget:  # what came later made it needless
                taken.remove(node)
                size += saved[node]
        return _with_int4(precision, taken)

    def widened(self, precision: Precision, least_db: float, flash_budget: int | None) -> tuple[Precision, bool]:
        """With as much int16 as it takes to reach an SQNR, or as there can be, and whether it is reached."""
        if least_db == -math.inf:
            return precision, True
        gains = dict.fromkeys(self._candidates(precision), math.inf)
        noise = _noise(self.score(precision))
        while gains and decibels_of(noise) < least_db:
            group = max(gains, key=lambda candidate: gains[candidate])
            wider = self._wider(precision, group, flash_budget)
            if wider is None or gains[group] <= 0:
                del gains[group]
                continue
            found = _noise(self.score(wider))
            gains[group] = noise - found
            if gains[group] >= max(gains.values()):
                del gains[group]
                precision, noise = wider, found
        return precision, decibels_of(noise) >= least_db

    def _wider(self, precision: Precision, group: Group, flash_budget: int | None) -> Precision | None:
        """With one more group in int16 and, where its biases and weights need the room, other layers in int4."""
        wider = _with_int16(precision, group)
        if flash_budget is None:
            return wider
        try:
            return self.within_flash(wider, flash_budget)
        except FitError:
            return None

    def _candidates(self, precision: Precision) -> list[Group]:
        graph = self._observation.graph
        return [g for g in self._observation.groups if g not in precision.wide and may_be_wide(graph, g)]

    def rows(self, start: Precision, chosen: Precision) -> tuple[LayerPrecision, ...]:
        """Of inputs and layers. start: the precision to which `int16_db` adds one layer; chosen: what is reported."""
        graph = self._observation.graph
        firsts = {group.tensors[0]: group for group in self._candidates(replace(start, wide=frozenset()))}
        gained = {t: self.score(_with_int16(start, group)) for t, group in firsts.items()}
        wide = chosen.tensors
        places = [(tensor, None) for tensor in graph.inputs]
        rows = []
        for tensor, node in [*places, *((node.outputs[0], node) for node in graph.nodes)]:
            is_layer = node in self._int4_noise
            weights = "int8" if node is not None and len(node.inputs) > len(node.operands) else None
            if node in chosen.int4 and not _is_wide(node, chosen):
                weights = "int4"
            rows.append(
                LayerPrecision(
                    name=tensor.name,
                    op=node.op.kind if node else "input",
                    weights=weights,
                    activation="int16" if tensor in wide else "int8",
                    weights_bytes=node.inputs[1].size if node and weights else 0,
                    int4_db=decibels_of(self._int4_noise[node]) if node and is_layer else None,
                    int16_db=gained.get(tensor),
                )
            )
        return tuple(rows)


def _is_wide(node: Node, precision: Precision) -> bool:
    return takes_int16(node) and not precision.tensors.isdisjoint((*node.operands, *node.outputs))


def _with_int4(precision: Precision, nodes: Iterable[Node]) -> Precision:
    return replace(precision, int4=precision.int4.union(nodes))


def _with_int16(precision: Precision, group: Group) -> Precision:
    return replace(precision, wide=precision.wide | {group})


def _noise(decibels: float) -> float:
    """Noise per signal."""
    return math.inf if decibels == -math.inf else 10 ** (-decibels / 10)
