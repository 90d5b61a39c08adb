"""Functions of one byte that change nothing go; two in a row become one where the bytes stay equal.

    f(x)     =>  x                                                when f(v) = v and x is quantized as f(x) is
    g(f(x))  =>  g(x), or f(x) in the quantization of g's output  when nobody else reads f(x)

An int8 op on one value is a table of 256 answers. The tables are compared at the bytes that x can hold, by the
intervals of its channels (`value_ranges`): a rectifier behind a layer whose clamp or sums never go below zero is
nothing, a rescaling behind a rectifier is often that rectifier with other steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from tinyml.ir import Activation, Array, Graph, Node, Tensor
from tinyml.ops import Relu, Rsqrt
from tinyml.ops.pointwise import Pointwise
from tinyml.passes.filters import is_quantized
from tinyml.passes.ranges import EVERY, Range, value_ranges
from tinyml.passes.rewriting import bypass, log, same_numbers, sole_reader, swap, sweep


def merge_tables(graph: Graph) -> Graph:
    return sweep(graph, partial(_merge, value_ranges(graph)))


def _merge(ranges: Mapping[Tensor, Range], graph: Graph, node: Node) -> Graph:
    if not _is_table(node, ranges):
        return graph
    values = _reached(ranges[node.inputs[0]])
    if same_numbers(node.inputs[0], node.output) and np.array_equal(_answers(node, values), values):
        return bypass(graph, node)
    first = graph.producer.get(node.inputs[0])
    if first is None or not _is_table(first, ranges) or sole_reader(graph, first.output) is not node:
        return graph
    values = _reached(ranges[first.inputs[0]])
    wanted = _answers(node, _answers(first, values))
    for merged in (replace(first, outputs=node.outputs), replace(node, inputs=first.inputs)):
        if _is_allowed(merged) and np.array_equal(_answers(merged, values), wanted):
            rest = swap(graph, node, merged)
            return rest.with_nodes([other for other in rest.nodes if other is not first])
    log.debug("merge_tables: %r and %r stay two: neither alone gives their bytes", first.name, node.name)
    return graph


def _is_table(node: Node, ranges: Mapping[Tensor, Range]) -> bool:
    return isinstance(node.op, Pointwise) and node.inputs[0] in ranges and is_quantized(node.output)


def _reached(source: Range) -> Array:
    """int8: every byte that some channel can hold."""
    inside = (EVERY[:, None] >= source.low) & (EVERY[:, None] <= source.high)
    return np.asarray(EVERY[inside.any(axis=1)].astype(np.int8))


def _answers(node: Node, values: Array) -> Array:
    return node.op.run_int8(node, [values])[0]


def _is_allowed(node: Node) -> bool:
    """Whether the op may have these quantizations in TFLite: LOGISTIC and TANH state one, RELU6 keeps its input's,
    RSQRT reads nothing below 0."""
    if isinstance(node.op, Rsqrt):
        return node.inputs[0].affine.zero_point == -128
    if isinstance(node.op, Relu) and node.op.activation is Activation.RELU6:
        return same_numbers(node.inputs[0], node.output)
    return bool(getattr(node.op, "OUTPUT_QUANT", node.output.quant) == node.output.quant)
