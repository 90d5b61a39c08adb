"""A mean over height and a mean over width become one mean if and only if one of them averages nothing.

    MEAN over sides of 1, input and output quantized alike  =>  RESHAPE

so that of MEAN_h(MEAN_w(x)) with a side of 1 the other MEAN is left. Rescaling by 1 is exact: the mean of one number
is its own byte.

Over two sides of n and m >= 2 the bytes differ, because the first mean rounds each row to int8 before the second sees
it. With one quantization throughout, let k rows of m sum to s = ceil(n / 2) each above the zero point and the others
to 0, with k = ceil(m / 2). Each row's mean s / n >= 1/2 rounds to 1, and their mean k / m >= 1/2 again to 1. The one
mean is k * s / (n * m), at most 1/2 for even sides and below 1/2 for these s and k unless n or m is 3 or 1: then
(2/3) * (2/3) < 1/2, (2/3) * (1/2) < 1/2. Odd sides have k / m <= 2/3, so the product stays below 1/2: it rounds to 0.
Where the quantizations differ nothing is proved and the two means stay.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml.ir import DType, Graph, Node
from tinyml.ops import Mean, Reshape
from tinyml.passes.rewriting import log, same_numbers, swap, sweep


def merge_means(graph: Graph) -> Graph:
    return sweep(graph, _merge)


def _merge(graph: Graph, node: Node) -> Graph:
    if not isinstance(node.op, Mean):
        return graph
    if averages_nothing(node):
        return swap(graph, node, replace(node, op=Reshape(node.output.shape)))
    before = graph.producer.get(node.inputs[0])
    while before is not None and isinstance(before.op, Reshape):
        before = graph.producer.get(before.inputs[0])
    if before is not None and isinstance(before.op, Mean):
        log.debug("merge_means: %r and %r stay two: the first rounds before the second", before.name, node.name)
    return graph


def averages_nothing(node: Node) -> bool:
    """Whether a mean hands on its input's bytes: one element each, nothing rescaled."""
    source = node.inputs[0]
    known = source.dtype is DType.INT8 or source.dtype.is_float
    return known and source.size == node.output.size and same_numbers(source, node.output)
