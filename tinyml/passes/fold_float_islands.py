"""A function of one number in float between int8 tensors is a table.

    QUANTIZE(f(DEQUANTIZE(x)))  =>  f on int8

f is one of those that TFLite has in float only; converters leave them so in int8 models. `Elementary` computes in int8
what the three compute.
"""

from __future__ import annotations

from dataclasses import replace

from tinyml.ir import DType, Graph, Node
from tinyml.ops import Dequantize, Elementary, Elu, Quantize
from tinyml.passes.rewriting import sole_reader, swap, sweep


def fold_float_islands(graph: Graph) -> Graph:
    return sweep(graph, _fold)


def _fold(graph: Graph, node: Node) -> Graph:
    if not isinstance(node.op, Quantize) or node.output.dtype is not DType.INT8:
        return graph
    function = graph.producer.get(node.inputs[0])
    if function is None or sole_reader(graph, node.inputs[0]) is not node:
        return graph
    real = graph.producer.get(function.inputs[0])
    if real is None or not isinstance(real.op, Dequantize) or real.inputs[0].dtype is not DType.INT8:
        return graph
    op = Elementary("ELU") if isinstance(function.op, Elu) else function.op
    if not isinstance(op, Elementary):
        return graph
    without = graph.with_nodes([other for other in graph.nodes if other is not function])
    return swap(without, node, replace(node, op=op, inputs=real.inputs))
