"""Bias correction: what quantization shifts a channel's mean by, taken off its bias.

    b'_c = b_c - (mean of int8 sums of channel c - mean of float sums of channel c)

Source: Nagel et al. 2019, arXiv 1906.04721, section 4.2, in its empirical form (appendix D): the means are measured
on calibration data before the activation, layer after layer, so that each layer sees the corrected ones before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyml import interpreter
from tinyml.ir import Activation, Array, Node, Tensor
from tinyml.quantizer.convert import Conversion, largest_bias, restored
from tinyml.quantizer.measure import Sample, Tick, int8_inputs, to_real
from tinyml.quantizer.prepare import with_activation
from tinyml.quantizer.rules import WEIGHTS_AXIS

Values = dict[Tensor, list[Array]]  # of an activation, per sample


def correct_biases(conversion: Conversion, samples: Sequence[Sample], tick: Tick) -> Conversion:
    """The same int8 graph with other biases. All samples pass through one node before the next."""
    source, graph = conversion.source, conversion.graph
    real: Values = {t: [s[i] for s in samples] for i, t in enumerate(source.inputs)}
    codes: Values = {t: [int8_inputs(conversion, s)[i] for s in samples] for i, t in enumerate(graph.inputs)}
    last_read = {tensor: node for node in source.nodes for tensor in node.inputs}
    nodes: list[Node] = []
    for wanted, node in zip(source.nodes, graph.nodes, strict=True):
        if type(node.op) in WEIGHTS_AXIS:
            node = _corrected(wanted, node, real[wanted.inputs[0]], codes[node.inputs[0]])
        _run(wanted, real, len(samples))
        _run(node, codes, len(samples))
        nodes.append(node)
        for tensor in [t for t in real if last_read.get(t) is wanted]:
            del real[tensor], codes[conversion.tensors[tensor]]
    for _ in samples:
        tick()
    return replace(conversion, graph=graph.with_nodes(nodes))


def _run(node: Node, values: Values, count: int) -> None:
    """Adds the node's outputs for every sample."""
    results = [
        interpreter.evaluate(node, [t.values if t.is_constant else values[t][i] for t in node.inputs])
        for i in range(count)
    ]
    for place, tensor in enumerate(node.outputs):
        values[tensor] = [outputs[place] for outputs in results]


def _corrected(wanted: Node, node: Node, real: Sequence[Array], codes: Sequence[Array]) -> Node:
    weights, bias = node.inputs[1:]
    scale = node.inputs[0].affine
    constants = [restored(weights), restored(bias)]
    given = _means(node, [[to_real(array, scale), *constants] for array in codes])
    expected = _means(wanted, [[array, *(t.values for t in wanted.inputs[1:])] for array in real])
    steps = np.array(bias.affine.scales, np.float64)
    largest = largest_bias(bias.dtype)
    moved = np.clip(bias.values - np.round((given - expected) / steps), -largest, largest)
    return replace(node, inputs=(node.inputs[0], weights, replace(bias, data=moved.astype(bias.dtype.numpy))))


def _means(node: Node, operands: Sequence[Sequence[Array]]) -> Array:
    """float64 per output channel, of the float op without its activation."""
    op = with_activation(node, Activation.NONE)
    rows = [op.run_float(node, values)[0].reshape(-1, node.output.shape[-1]) for values in operands]
    means: Array = np.mean([row.mean(axis=0, dtype=np.float64) for row in rows], axis=0)
    return means
