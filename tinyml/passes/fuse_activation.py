"""A rectifier behind an op with a fused activation becomes that activation.

    RELU(f(x))  =>  f(x) with a clamp

f ends in clip(v, low_f, high_f). With one quantization for f's output and the rectifier's, both are functions of the
byte v; some activation A fits when clip_A(v) = RELU(clip_f(v)) for all 256 bytes. That is checked, not assumed: RELU
behind RELU6 is RELU6, RELU behind a zero point of -128 is nothing at all. Float graphs: f must not clamp yet.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from tinyml.ir import Activation, Array, DType, Graph, Node, Op, Tensor
from tinyml.ir.requantize import activation_range
from tinyml.ops import Relu
from tinyml.passes.rewriting import log, same_numbers, sole_reader, sweep


def fuse_activation(graph: Graph) -> Graph:
    return sweep(graph, _fuse)


def _fuse(graph: Graph, node: Node) -> Graph:
    producer = graph.producer.get(node.inputs[0]) if isinstance(node.op, Relu) else None
    if producer is None or isinstance(producer.op, Relu):
        return graph
    already = _fused(producer)
    if already is None:
        return graph
    if sole_reader(graph, node.inputs[0]) is not node:
        log.debug("fuse_activation: %r stays: others read %r too", node.name, node.inputs[0].name)
        return graph
    activation = _fitting(node, already)
    if activation is None:
        log.debug("fuse_activation: %r stays: no clamp of %r gives its bytes", node.name, producer.name)
        return graph
    clamped = replace(producer, op=_with_activation(producer, activation), outputs=node.outputs)
    # the producer's place comes before all readers of the rectifier's output
    return graph.with_nodes([clamped if other is producer else other for other in graph.nodes if other is not node])


def _fused(node: Node) -> Activation | None:
    """The fused activation of a node whose op has one."""
    named = any(field.name == "activation" for field in fields(node.op))
    return getattr(node.op, "activation") if named else None  # noqa: B009 - no op but those with the field has it


def _with_activation(node: Node, activation: Activation) -> Op:
    changes: dict[str, Any] = {"activation": activation}
    return replace(node.op, **changes)


def _fitting(relu: Node, already: Activation) -> Activation | None:
    """The activation that clamps as `already` and then the rectifier do."""
    source, output = relu.inputs[0], relu.output
    assert isinstance(relu.op, Relu)
    if not same_numbers(source, output):
        return None
    if source.dtype is not DType.INT8:
        return relu.op.activation if already is Activation.NONE else None
    wanted = relu.op.table(relu)[_clamped(already, source).astype(np.int64) + 128]
    candidates = dict.fromkeys((relu.op.activation, already, *Activation))
    return next((a for a in candidates if np.array_equal(_clamped(a, output), wanted)), None)


def _clamped(activation: Activation, tensor: Tensor) -> Array:
    """All 256 bytes behind the clamp of a fused activation, -128 first."""
    return np.clip(np.arange(-128, 128), *activation_range(activation, tensor)).astype(np.int8)
