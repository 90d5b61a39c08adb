"""Random changes to an int8 graph that leave it valid: quantizations, fused activations, weights, biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from tests.graph_growth import FIXED_QUANT, bias_quant, keeps_quant
from tests.op_graphs import Rng, fused
from tinyml import interpreter
from tinyml.errors import UnsupportedError
from tinyml.ir import Graph, Node, Quant, Tensor, verify
from tinyml.ops import Conv2D, DepthwiseConv2D, FullyConnected, Relu, TransposeConv

MAC_OPS = (Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv)

Mutation = Callable[[Graph, Rng], Graph]


def mutate(graph: Graph, rng: Rng) -> Graph:
    """The graph with one to three random changes that the ops still accept; its name gets a `_mutant`."""
    while True:
        mutant = graph
        for _ in range(int(rng.integers(1, 4))):
            mutant = MUTATIONS[int(rng.integers(len(MUTATIONS)))](mutant, rng)
        try:
            interpreter.run(mutant, [np.zeros(tensor.shape, np.int8) for tensor in mutant.inputs])
        except UnsupportedError:
            continue  # a ratio of scales for which TFLM ends the process
        return verify(replace(mutant, name=f"{graph.name}_mutant"), "int8")


def change_quantization(graph: Graph, rng: Rng) -> Graph:
    """Another scale and zero point for one tensor, and for all that must be quantized like it."""
    families = quant_families(graph)
    fixed = {t for node in graph.nodes if isinstance(node.op, FIXED_QUANT) for t in node.outputs}
    free = [family for family in families if not fixed & family]
    if not free:
        return graph
    family = free[int(rng.integers(len(free)))]
    old = next(iter(family)).affine
    octaves = rng.uniform(-8, 8) if rng.random() < 0.15 else rng.uniform(-2, 2)
    zero_point = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128)), old.zero_point]))
    quant = Quant.per_tensor(float(np.float32(old.scale * 2**octaves)), zero_point)
    return rebuilt(graph, {tensor: replace(tensor, quant=quant) for tensor in family})


def quant_families(graph: Graph) -> list[set[Tensor]]:
    """The activations and constant operands, joined where an op copies bytes from one to the other."""
    families: dict[Tensor, set[Tensor]] = {}
    for tensor in graph.tensors:
        if tensor.quant is not None and not tensor.affine.is_per_channel:
            families[tensor] = {tensor}
    for node in graph.nodes:
        if isinstance(node.op, MAC_OPS):
            for parameter in node.inputs[1:]:
                families.pop(parameter, None)
        if keeps_quant(node.op):
            joined = set[Tensor]().union(*(families[tensor] for tensor in (*node.inputs, *node.outputs)))
            families.update(dict.fromkeys(joined, joined))
    return [family for tensor, family in families.items() if tensor is min(family, key=lambda t: t.name)]


def change_activation(graph: Graph, rng: Rng) -> Graph:
    """Another fused activation for one node."""
    nodes = [node for node in graph.nodes if hasattr(node.op, "activation") and not isinstance(node.op, Relu)]
    if not nodes:
        return graph
    node = nodes[int(rng.integers(len(nodes)))]
    changed = replace(node, op=replace(node.op, activation=fused(rng)))  # type: ignore[call-arg]
    return graph.with_nodes([changed if n is node else n for n in graph.nodes])


def change_constant(graph: Graph, rng: Rng) -> Graph:
    """Weights or an int8 operand: one slice zero, one slice extreme, all extreme, or all one value."""
    constants = [t for t in graph.tensors if t.data is not None and t.dtype.value == "int8"]
    if not constants:
        return graph
    tensor = constants[int(rng.integers(len(constants)))]
    data = tensor.values.copy()
    axis = int(rng.integers(data.ndim))
    kind = int(rng.integers(5))
    if kind < 2:
        np.moveaxis(data, axis, 0)[int(rng.integers(data.shape[axis]))] = (0, -127)[kind]
    elif kind == 2:
        data[...] = rng.choice([-128, -127, 127], data.shape)
    else:
        data[...] = rng.choice([-127, -1, 0, 1, 127])
    return rebuilt(graph, {tensor: replace(tensor, data=data)})


def change_filter_scales(graph: Graph, rng: Rng) -> Graph:
    """Some filters much smaller or larger than the others."""
    nodes = [node for node in graph.nodes if isinstance(node.op, MAC_OPS)]
    if not nodes:
        return graph
    tensor = nodes[int(rng.integers(len(nodes)))].inputs[1]
    factors = np.exp2(rng.uniform(-9, 3, len(tensor.affine.scales)) * (rng.random(len(tensor.affine.scales)) < 0.5))
    scales = tuple(float(np.float32(s * f)) for s, f in zip(tensor.affine.scales, factors, strict=True))
    return rebuilt(graph, {tensor: replace(tensor, quant=replace(tensor.affine, scales=scales))})


def change_bias(graph: Graph, rng: Rng) -> Graph:
    """Biases of zero, or so large that most outputs saturate."""
    nodes = [node for node in graph.nodes if isinstance(node.op, MAC_OPS) and len(node.inputs) > 2]
    if not nodes:
        return graph
    tensor = nodes[int(rng.integers(len(nodes)))].inputs[2]
    data = (tensor.values * float(rng.choice([0, 0.1, 30, -1]))).astype(np.int32)
    data[int(rng.integers(data.size))] = rng.choice([-(2**20), 0, 2**20])
    return rebuilt(graph, {tensor: replace(tensor, data=data)})


def rebuilt(graph: Graph, replacements: Mapping[Tensor, Tensor]) -> Graph:
    """The graph with some tensors replaced everywhere, and the biases' scales again input scale * filter scale."""

    def new(tensor: Tensor) -> Tensor:
        return replacements.get(tensor, tensor)

    def rewired(node: Node) -> Node:
        inputs = tuple(map(new, node.inputs))
        if isinstance(node.op, MAC_OPS) and len(inputs) > 2:
            inputs = (*inputs[:2], replace(inputs[2], quant=bias_quant(inputs[0], inputs[1])))
        return replace(node, inputs=inputs, outputs=tuple(map(new, node.outputs)))

    inputs, outputs = tuple(map(new, graph.inputs)), tuple(map(new, graph.outputs))
    return replace(graph, nodes=tuple(map(rewired, graph.nodes)), inputs=inputs, outputs=outputs)


MUTATIONS: tuple[Mutation, ...] = (
    change_quantization,
    change_quantization,
    change_activation,
    change_constant,
    change_filter_scales,
    change_bias,
)
