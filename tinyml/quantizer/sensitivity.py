"""What each layer alone costs: the SQNR of the outputs when only this layer is int8 and all others stay float."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tinyml import interpreter
from tinyml.ir import Array, Graph, Node, Tensor
from tinyml.quantizer.convert import Conversion, restored
from tinyml.quantizer.measure import Error, Sample, as_stored, scored
from tinyml.quantizer.rules import WEIGHTS_AXIS, shares

_MACS = 1 << 31
_MOST_SAMPLES = 8


def sample_count(graph: Graph) -> int:
    """How many samples keep the work near 2 * 10**9 multiplications; at least 1."""
    per_sample = graph.macs * (len(graph.nodes) + 1) // 2
    return min(max(_MACS // max(per_sample, 1), 1), _MOST_SAMPLES)


def alone_db(conversion: Conversion, samples: Sequence[Sample]) -> Mapping[Tensor, float]:
    """Per activation of the float graph, but for those whose bytes are another's: the output SQNR in decibels.

    Weights of the layer count as well. Measured where `scored` says, over all samples.
    """
    source = conversion.source
    ends = scored(source)
    errors: dict[Tensor, list[Error]] = {}
    for sample in samples:
        values = interpreter.run_all(source, sample)
        for tensor, start, changed in _changes(conversion, values):
            _follow(source.nodes[start:], values, changed)
            for end, error in zip(ends, errors.setdefault(tensor, [Error() for _ in ends]), strict=True):
                error.add(values[end], changed.get(end, values[end]))
    return {t: Error(len(ends), sum(error.ratio for error in found)).sqnr_db for t, found in errors.items()}


def _changes(
    conversion: Conversion, values: Mapping[Tensor, Array]
) -> Iterator[tuple[Tensor, int, dict[Tensor, Array]]]:
    """(activation, index of the node behind, its value when that layer is int8)."""
    source = conversion.source
    for tensor in source.inputs:
        yield tensor, 0, {tensor: as_stored(values[tensor], conversion.tensors[tensor])}
    for index, (node, twin) in enumerate(zip(source.nodes, conversion.graph.nodes, strict=True)):
        if shares(node):
            continue
        operands = [values[tensor] for tensor in node.inputs]
        if type(node.op) in WEIGHTS_AXIS:
            # its bias stays: a corrected one makes up for other layers, and 32 bits lose nothing
            operands[1] = restored(twin.inputs[1])
        for tensor, real in zip(node.outputs, node.op.run_float(node, operands), strict=True):
            yield tensor, index + 1, {tensor: as_stored(real, conversion.tensors[tensor])}


def _follow(nodes: Sequence[Node], values: Mapping[Tensor, Array], changed: dict[Tensor, Array]) -> None:
    """Runs what depends on the changed tensors in float."""
    for node in nodes:
        if any(tensor in changed for tensor in node.inputs):
            operands = [changed.get(tensor, values[tensor]) for tensor in node.inputs]
            changed.update(zip(node.outputs, node.op.run_float(node, operands), strict=True))


def weights_alone(source: Graph, weights: Mapping[Node, Array], samples: Sequence[Sample]) -> Mapping[Node, float]:
    """Noise per signal of the outputs when one layer of a float graph alone has these weights, per layer."""
    ends = scored(source)
    errors = {node: [Error() for _ in ends] for node in weights}
    for sample in samples:
        values = interpreter.run_all(source, sample)
        for index, node in enumerate(source.nodes):
            if node not in weights:
                continue
            operands = [weights[node] if at == 1 else values[tensor] for at, tensor in enumerate(node.inputs)]
            changed = dict(zip(node.outputs, node.op.run_float(node, operands), strict=True))
            _follow(source.nodes[index + 1 :], values, changed)
            for end, error in zip(ends, errors[node], strict=True):
                error.add(values[end], changed.get(end, values[end]))
    return {node: sum(error.ratio for error in found) for node, found in errors.items()}
