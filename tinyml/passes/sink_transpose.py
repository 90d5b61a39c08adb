"""TRANSPOSE before MEAN goes behind it, where less is left to move.

    MEAN_A(TRANSPOSE_p(x))  =>  TRANSPOSE_r(MEAN_p[A](x)),  p[A] = {p[a] : a in A}

Axis a of the transposed tensor is axis p[a] of x: both sum the same numbers into the same mean, only named otherwise.
Kept axes keep their order under p, which gives r; with keep_dims r = p. Integer sums do not depend on their order, so
the bytes stay equal; float sums do, so float graphs are left alone.
NCHW exports end in TRANSPOSE, MEAN, MEAN: the transpose then reaches a tensor in which it moves nothing.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml.ir import DType, Graph, Node, Tensor
from tinyml.ops import Mean, Transpose
from tinyml.passes.rewriting import log, same_numbers, sole_reader, swap, sweep


def sink_transpose(graph: Graph) -> Graph:
    return sweep(graph, _sink)


def _sink(graph: Graph, node: Node) -> Graph:
    before = graph.producer.get(node.inputs[0]) if isinstance(node.op, Mean) else None
    if before is None or not isinstance(before.op, Transpose) or not isinstance(node.op, Mean):
        return graph
    source = before.inputs[0]
    if source.dtype is not DType.INT8 or not same_numbers(source, before.output):
        log.debug("sink_transpose: %r stays before %r: not int8 of one quantization", before.name, node.name)
        return graph
    if sole_reader(graph, before.output) is not node:
        log.debug("sink_transpose: %r stays before %r: others read its output", before.name, node.name)
        return graph
    mean_op, transpose_op = _exchanged(before.op.permutation, node.op, before.output)
    mean = Tensor(f"{node.output.name}/mean", mean_op.infer([source])[0], node.output.dtype, node.output.quant)
    return swap(
        graph,
        node,
        replace(node, op=mean_op, inputs=(source,), outputs=(mean,)),
        replace(before, op=transpose_op, inputs=(mean,), outputs=node.outputs),
    )


def _exchanged(permutation: tuple[int, ...], op: Mean, transposed: Tensor) -> tuple[Mean, Transpose]:
    """The mean over the axes of the source, and what is left of the permutation behind it."""
    reduced = op.reduced(transposed.shape)
    axes = tuple(sorted(permutation[axis] for axis in reduced))
    if op.keep_dims:
        return replace(op, axes=axes), Transpose(permutation)
    kept = [source for axis, source in enumerate(permutation) if axis not in reduced]
    order = sorted(kept)
    return replace(op, axes=axes), Transpose(tuple(order.index(source) for source in kept))
