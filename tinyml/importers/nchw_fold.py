"""What exporters spell out, put together again on a float graph. Sums change by float rounding, nothing else.

    CONV(x; W, b) * c                       =>  CONV(x; c W, c b)            c, d: one number per output channel, or one
    CONV(x; W, b) + d                       =>  CONV(x; W, b + d)            batch normalization is both
    x * RELU6(x + 3) * (1 / 6)              =>  HARD_SWISH(x)                in any order of the factors
    x * (ERF(x * sqrt(1 / 2)) + 1) * (1 / 2)   =>  GELU(x)               in any order of the factors; with TANH, too
    (a - b) * (a - b)                       =>  SQUARED_DIFFERENCE(a, b)
    x * 1, x + 0                            =>  x
    TRANSPOSE(f(FC(x; W, b)))               =>  f(FC(x; W', b'))         f: reshapes and functions of one number

W' are the rows of W in the order that the transpose would have moved the outputs to.

CONV stands for all ops with weights. It must have no activation and no other reader.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.importers.nchw_norm import Erf
from tinyml.ir import Activation, Array, Graph, Node, Op, Tensor, shown
from tinyml.ops import (
    Add,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Gelu,
    HardSwish,
    Mul,
    Relu,
    Reshape,
    SquaredDifference,
    Sub,
    Tanh,
    Transpose,
    TransposeConv,
)
from tinyml.ops.pointwise import Pointwise
from tinyml.passes.dead_nodes import dead_nodes
from tinyml.passes.rewriting import sole_reader, swap, sweep

_WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv)


def fold(graph: Graph) -> Graph:
    """The graph after all rewrites, without dead nodes."""
    graph = dead_nodes(graph)
    for rule in (_drop_neutral, _fold_affine, _fold_hard_swish, _fold_gelu, _fold_square, _fold_transpose):
        graph = sweep(graph, rule)
    graph = dead_nodes(graph)
    alone = [shown(node.name) for node in graph.nodes if isinstance(node.op, Erf)]
    if alone:
        raise UnsupportedError(f"Erf is known as a part of GELU only, not in {', '.join(alone)}")
    return graph


def _constant_operand(node: Node) -> tuple[Tensor, Array] | None:
    """(the other operand, the constant's values) of a binary node with one constant."""
    for at, tensor in enumerate(node.inputs):
        if tensor.is_constant and not node.inputs[1 - at].is_constant:
            return node.inputs[1 - at], tensor.values
    return None


def _drop_neutral(graph: Graph, node: Node) -> Graph:
    if node.op not in (Mul(), Add()):
        return graph
    found = _constant_operand(node)
    neutral = 1 if isinstance(node.op, Mul) else 0
    if found is None or np.any(found[1] != neutral) or found[0].shape != node.output.shape:
        return graph
    if node.output in graph.outputs and found[0] not in graph.producer:
        return graph
    without = graph.with_nodes([other for other in graph.nodes if other is not node])
    return without.substitute({node.output: found[0]})


def _fold_affine(graph: Graph, node: Node) -> Graph:
    changed = _affine(node)
    if changed is None:
        return graph
    source, apply = changed
    producer = graph.producer.get(source)
    if producer is None or not isinstance(producer.op, _WEIGHTED) or sole_reader(graph, source) is not node:
        return graph
    if producer.op.activation is not Activation.NONE or not all(t.is_constant for t in producer.inputs[1:]):
        return graph
    channels = node.output.shape[-1]
    if source.shape != node.output.shape or channels != _channels(producer):
        return graph
    weights = producer.inputs[1]
    bias = producer.inputs[2].values if len(producer.inputs) > 2 else np.zeros(channels, np.float32)
    scaled, moved = apply(_channels_first(producer, weights.values), bias)
    if scaled is None or not (np.isfinite(scaled).all() and np.isfinite(moved).all()):
        return graph
    parameters = (
        Tensor.constant(weights.name, _channels_back(producer, scaled)),
        Tensor.constant(producer.inputs[2].name if len(producer.inputs) > 2 else f"{weights.name}/bias", moved),
    )
    folded = replace(producer, inputs=(producer.inputs[0], *parameters), outputs=node.outputs)
    return swap(graph.with_nodes([other for other in graph.nodes if other is not node]), producer, folded)


Apply = Callable[[Array, Array], tuple[Array | None, Array]]  # weights with channels first, and bias


def _affine(node: Node) -> tuple[Tensor, Apply] | None:
    """What the node does to the sums of the ops before it, when it scales or shifts each channel."""
    if node.op not in (Mul(), Add(), Sub()):
        return None
    found = _constant_operand(node)
    if found is None or found[1].size not in (1, node.output.shape[-1]) or found[1].shape[-1] != found[1].size:
        return None
    source, values = found[0], found[1].reshape(-1).astype(np.float64)

    def apply(weights: Array, bias: Array) -> tuple[Array | None, Array]:
        numbers = np.broadcast_to(values, bias.shape)
        columns = numbers.reshape(-1, *(1,) * (weights.ndim - 1))
        if isinstance(node.op, Mul):
            return (weights * columns).astype(np.float32), (bias * numbers).astype(np.float32)
        if isinstance(node.op, Add):
            return weights, (bias + numbers).astype(np.float32)
        if node.inputs[1] is source:
            return -weights, (numbers - bias).astype(np.float32)
        return weights, (bias - numbers).astype(np.float32)

    return source, apply


def _channels(node: Node) -> int:
    return node.output.shape[-1]


def _channels_first(node: Node, weights: Array) -> Array:
    return weights.transpose(3, 0, 1, 2) if isinstance(node.op, DepthwiseConv2D) else weights


def _channels_back(node: Node, weights: Array) -> Array:
    moved = weights.transpose(1, 2, 3, 0) if isinstance(node.op, DepthwiseConv2D) else weights
    return np.ascontiguousarray(moved)


def _fold_transpose(graph: Graph, node: Node) -> Graph:
    if not isinstance(node.op, Transpose):
        return graph
    path, tensor = [node], node.inputs[0]
    while sole_reader(graph, tensor) is path[-1] and tensor in graph.producer:
        before = graph.producer[tensor]
        if isinstance(before.op, FullyConnected) and tensor.size == before.inputs[1].shape[0]:
            return _with_rows_moved(graph, before, path)
        if not isinstance(before.op, Reshape | Pointwise):
            return graph
        path.append(before)
        tensor = before.inputs[0]
    return graph


def _with_rows_moved(graph: Graph, dense: Node, path: list[Node]) -> Graph:
    """path: the transpose first, then what lies between it and the fully connected node, going up."""
    move = path[0]
    assert isinstance(move.op, Transpose)
    source = move.inputs[0]
    rows = np.arange(source.size).reshape(source.shape).transpose(move.op.permutation).reshape(-1)
    parameters = [Tensor.constant(tensor.name, np.array(tensor.values[rows])) for tensor in dense.inputs[1:]]
    moved = replace(dense, inputs=(dense.inputs[0], *parameters))
    return swap(swap(graph, dense, moved), move, replace(move, op=Reshape(move.output.shape)))


def _fold_hard_swish(graph: Graph, node: Node) -> Graph:
    """Fires at the last multiplication."""
    for x, gate in _two_factors(graph, node, 1 / 6):
        if _relu6_of_sum(graph, gate) is x:
            return swap(graph, node, replace(node, op=HardSwish(), inputs=(x,)))
    return graph


def _fold_gelu(graph: Graph, node: Node) -> Graph:
    """Fires at the last multiplication."""
    for x, gate in _two_factors(graph, node, 1 / 2):
        share = _with_number(graph, gate, Add(), 1.0)
        curve = graph.producer.get(share) if share is not None else None
        if curve is not None and _is_gelu_curve(graph, curve, x):
            return swap(graph, node, replace(node, op=Gelu(isinstance(curve.op, Tanh)), inputs=(x,)))
    return graph


def _is_gelu_curve(graph: Graph, curve: Node, x: Tensor) -> bool:
    """ERF(x * sqrt(1 / 2)), or TANH(sqrt(2 / pi) * (x + 0.044715 * x * x * x))."""
    if isinstance(curve.op, Erf):
        return _with_number(graph, curve.inputs[0], Mul(), 0.5**0.5) is x
    inner = _with_number(graph, curve.inputs[0], Mul(), (2 / np.pi) ** 0.5) if isinstance(curve.op, Tanh) else None
    total = graph.producer.get(inner) if inner is not None else None
    if total is None or total.op != Add() or x not in total.inputs:
        return False
    powers = [_power(graph, tensor, x) for tensor in total.inputs if tensor is not x]
    return len(powers) == 1 and powers[0] is not None and np.allclose(powers[0], (3, 0.044715), rtol=1e-5)


def _power(graph: Graph, tensor: Tensor, x: Tensor, depth: int = 4) -> tuple[int, float] | None:
    """(n, c), where the tensor is c times the n-th power of x in products."""
    if tensor is x:
        return 1, 1.0
    if tensor.is_constant and tensor.size == 1:
        return 0, float(tensor.values.reshape(-1)[0])
    node = graph.producer.get(tensor)
    if node is None or node.op != Mul() or not depth:
        return None
    first, second = (_power(graph, factor, x, depth - 1) for factor in node.inputs)
    return None if first is None or second is None else (first[0] + second[0], first[1] * second[1])


def _with_number(graph: Graph, tensor: Tensor, op: Op, number: float) -> Tensor | None:
    """The other operand, where the tensor is an op of one and this number."""
    node = graph.producer.get(tensor)
    found = _constant_operand(node) if node is not None and node.op == op else None
    alike = found is not None and found[1].size == 1 and np.isclose(float(found[1].reshape(-1)[0]), number, rtol=1e-5)
    return found[0] if found is not None and alike else None


def _fold_square(graph: Graph, node: Node) -> Graph:
    if node.op != Mul() or node.inputs[0] is not node.inputs[1]:
        return graph
    difference = graph.producer.get(node.inputs[0])
    if difference is None or difference.op != Sub() or sole_reader(graph, node.inputs[0]) is not node:
        return graph
    return swap(graph, node, replace(node, op=SquaredDifference(), inputs=difference.inputs))


def _two_factors(graph: Graph, node: Node, scale: float) -> Sequence[tuple[Tensor, Tensor]]:
    """Two tensors in either order, where the node makes their product times a number; else nothing."""
    factors, found = _factors(graph, node) if node.op == Mul() else ([], 0.0)
    if len(factors) != 2 or not np.isclose(found, scale, rtol=1e-6):
        return ()
    first, second = factors
    return (second, first), (first, second)


def _factors(graph: Graph, node: Node, depth: int = 2) -> tuple[list[Tensor], float]:
    """The tensors that a small tree of multiplications multiplies, and the product of its one-number constants."""
    factors: list[Tensor] = []
    scale = 1.0
    for tensor in node.inputs:
        producer = graph.producer.get(tensor)
        if tensor.data is not None and tensor.size == 1:
            scale *= float(tensor.data.reshape(-1)[0])
        elif producer is not None and producer.op == Mul() and depth and _scales(node, producer):
            inner, factor = _factors(graph, producer, depth - 1)
            factors += inner
            scale *= factor
        else:
            factors.append(tensor)
    return factors, scale


def _scales(*nodes: Node) -> bool:
    """Whether one of them multiplies by a single number: else it is a product of tensors, which stays."""
    return any(tensor.is_constant and tensor.size == 1 for node in nodes for tensor in node.inputs)


def _relu6_of_sum(graph: Graph, tensor: Tensor) -> Tensor | None:
    """x, where the tensor is RELU6(x + 3)."""
    clamp = graph.producer.get(tensor)
    if clamp is None or clamp.op != Relu(Activation.RELU6):
        return None
    return _with_number(graph, clamp.inputs[0], Add(), 3.0)
