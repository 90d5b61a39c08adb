"""A node whose inputs are all constant is its value, computed once by the interpreter.

    y = f(c)  =>  y constant

The interpreter's bytes are those of the kernel, so nothing downstream can tell. Half-precision weights behind a
DEQUANTIZE become float constants this way.
"""

from __future__ import annotations

from tinyml.interpreter import evaluate
from tinyml.ir import Graph, Node, Tensor
from tinyml.passes.rewriting import sweep


def fold_constants(graph: Graph) -> Graph:
    return sweep(graph, _fold)


def _fold(graph: Graph, node: Node) -> Graph:
    if not node.inputs or not all(tensor.is_constant for tensor in node.inputs):
        return graph
    values = evaluate(node, [tensor.values for tensor in node.inputs])
    constants = {
        tensor: Tensor(tensor.name, tensor.shape, tensor.dtype, tensor.quant, value.astype(tensor.dtype.numpy))
        for tensor, value in zip(node.outputs, values, strict=True)
    }
    return graph.with_nodes([other for other in graph.nodes if other is not node]).substitute(constants)
