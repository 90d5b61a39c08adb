"""Nodes that change nothing go; chains of moves become one move.

    RESHAPE to the shape it has                          =>  nothing
    RESHAPE(RESHAPE(x))                                  =>  RESHAPE(x)
    TRANSPOSE in which only sides of 1 change places     =>  RESHAPE
    TRANSPOSE_p(TRANSPOSE_q(x))                          =>  TRANSPOSE_r(x), r[k] = q[p[k]]
    QUANTIZE from int8 to the same quantization          =>  nothing
    MEAN over sides of 1, nothing rescaled               =>  RESHAPE
    CONCATENATION of one tensor                          =>  nothing

Moves copy bytes, so the chains are exact whatever quantization the tensor between states. A node goes entirely only
when input and output also agree in quantization: else its readers would take the bytes for other numbers.
Chains of QUANTIZE and DEQUANTIZE are those of merge_quantize.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyml.ir import DType, Graph, Node
from tinyml.ops import Concatenation, Mean, Quantize, Reshape, Transpose
from tinyml.passes.rewriting import bypass, log, same_numbers, swap, sweep


def drop_identity(graph: Graph) -> Graph:
    return sweep(graph, _drop)


def _drop(graph: Graph, node: Node) -> Graph:
    if isinstance(node.op, Reshape):
        return _reshape(graph, node)
    if isinstance(node.op, Transpose):
        return _transpose(graph, node, node.op)
    if isinstance(node.op, Quantize):
        return _quantize(graph, node)
    if isinstance(node.op, Mean):
        return _mean(graph, node)
    if isinstance(node.op, Concatenation) and len(node.inputs) == 1:
        return _bypass_equal(graph, node)
    return graph


def _reshape(graph: Graph, node: Node) -> Graph:
    source = node.inputs[0]
    before = graph.producer.get(source)
    if before is not None and isinstance(before.op, Reshape):
        return swap(graph, node, replace(node, inputs=before.inputs))
    return _bypass_equal(graph, node) if source.shape == node.output.shape else graph


def _transpose(graph: Graph, node: Node, op: Transpose) -> Graph:
    if op.moves_nothing(node.inputs[0].shape):
        return swap(graph, node, replace(node, op=Reshape(node.output.shape)))
    before = graph.producer.get(node.inputs[0])
    if before is not None and isinstance(before.op, Transpose):
        joined = Transpose(tuple(before.op.permutation[axis] for axis in op.permutation))
        return swap(graph, node, replace(node, op=joined, inputs=before.inputs))
    return graph


def _quantize(graph: Graph, node: Node) -> Graph:
    if node.inputs[0].dtype is not DType.INT8 or not same_numbers(node.inputs[0], node.output):
        return graph
    every = np.arange(-128, 128).astype(np.int8)
    (answers,) = node.op.run_int8(node, [every])
    return bypass(graph, node) if np.array_equal(answers, every) else graph


def _mean(graph: Graph, node: Node) -> Graph:
    # rescaling by 1 / 1 is exact: the mean of one number is its own byte
    if node.inputs[0].size != node.output.size or not same_numbers(node.inputs[0], node.output):
        return graph
    return swap(graph, node, replace(node, op=Reshape(node.output.shape)))


def _bypass_equal(graph: Graph, node: Node) -> Graph:
    if same_numbers(node.inputs[0], node.output):
        return bypass(graph, node)
    log.debug("drop_identity: %r stays: it changes the quantization that its bytes are read by", node.name)
    return graph
