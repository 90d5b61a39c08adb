"""A float graph made ready to be quantized: constants folded, BatchNorm in the weights, activations fused.

    MUL or ADD by a constant per channel behind a layer with weights   =>  other weights and bias
    AVERAGE_POOL_2D over the whole image                               =>  MEAN of its rows and columns

Both keep the float function. The mean is worth it because TFLite's average pool must keep its input's scale, whose
steps are coarse for averages, while MEAN has a scale of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinyml.ir import Activation, Array, Graph, Node, Padding, Tensor, verify
from tinyml.ops import Add, AveragePool2D, Mean, Mul, Sub
from tinyml.passes import optimize
from tinyml.passes.rewriting import sole_reader, swap, sweep
from tinyml.quantizer.rules import WEIGHTS_AXIS, check_rules, separate_fixed


def prepare(graph: Graph) -> Graph:
    """The same function of real numbers, in fewer and better quantizable nodes.

    Raises UnsupportedError, with every reason, for what is no float model.
    """
    while True:
        before = graph
        graph = sweep(optimize(graph), _fold_affine)
        if graph is before:
            break
    check_rules(graph)
    return verify(separate_fixed(sweep(graph, _mean_of_image)), "imported")


def _fold_affine(graph: Graph, node: Node) -> Graph:
    if not isinstance(node.op, Mul | Add | Sub):
        return graph
    found = _operands(graph, node)
    if found is None:
        return graph
    layer, factor, shift = found
    changed = replace(
        layer,
        op=with_activation(layer, node.op.activation),
        inputs=(layer.inputs[0], *scaled_weights(layer, factor, shift)),
        outputs=node.outputs,
    )
    # the layer's place comes before all readers of the node's output
    return graph.with_nodes([changed if other is layer else other for other in graph.nodes if other is not node])


def _operands(graph: Graph, node: Node) -> tuple[Node, Array, Array] | None:
    """(layer, factor, shift), both float64 per output channel, when the node does factor * layer + shift."""
    source, constant = node.inputs
    if source.is_constant and not isinstance(node.op, Sub):
        source, constant = constant, source
    layer = graph.producer.get(source)
    if layer is None or constant.data is None or type(layer.op) not in WEIGHTS_AXIS:
        return None
    channels = layer.output.shape[-1]
    per_channel = constant.size in (1, channels) and constant.shape[-1:] in ((), (1,), (channels,))
    clamps = getattr(layer.op, "activation") is not Activation.NONE  # noqa: B009 - all layers with weights have it
    if clamps or not per_channel or node.output.shape != source.shape or sole_reader(graph, source) is not node:
        return None
    if not all(tensor.is_constant for tensor in layer.inputs[1:]):
        return None
    values = np.broadcast_to(constant.data.astype(np.float64).ravel(), (channels,))
    if isinstance(node.op, Mul):
        return layer, values, np.zeros(channels)
    return layer, np.ones(channels), -values if isinstance(node.op, Sub) else values


def scaled_weights(layer: Node, factor: Array, shift: Array) -> tuple[Tensor, Tensor]:
    """Float weights and bias of a layer whose output is factor * output + shift per channel."""
    weights = layer.inputs[1]
    along = [1] * len(weights.shape)
    along[WEIGHTS_AXIS[type(layer.op)]] = -1
    bias = layer.inputs[2].values if len(layer.inputs) > 2 else np.zeros(len(factor))
    name = layer.inputs[2].name if len(layer.inputs) > 2 else f"{layer.name}/bias"
    product = (weights.values.astype(np.float64) * factor.reshape(along)).astype(np.float32)
    return (
        Tensor.constant(weights.name, product),
        Tensor.constant(name, (bias.astype(np.float64) * factor + shift).astype(np.float32)),
    )


def with_activation(layer: Node, activation: Activation) -> Any:
    """The op of a layer with weights under another fused activation."""
    changes: dict[str, Any] = {"activation": activation}
    return replace(layer.op, **changes)


def _mean_of_image(graph: Graph, node: Node) -> Graph:
    op = node.op
    if not isinstance(op, AveragePool2D) or op.activation is not Activation.NONE or op.padding != Padding():
        return graph
    if (op.kernel_h, op.kernel_w) != node.inputs[0].shape[1:3]:
        return graph
    return swap(graph, node, replace(node, op=Mean((1, 2), keep_dims=True)))
