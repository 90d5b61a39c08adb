"""Random one-node graphs beyond int8, int16 activations and int4 weights: the int8 cases, moved to other types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from tests import cases_conv, cases_elementwise, cases_movement
from tests.op_graphs import Rng, bias_quant, one_node
from tinyml.ir import DType, Graph, Node, Quant, Tensor
from tinyml.ops import OPS, FullyConnected, Pad, Quantize

Make = Callable[[Rng], Graph]

_INT8: dict[str, Make] = {**cases_conv.CASES, **cases_elementwise.CASES, **cases_movement.CASES}
_STEPS = 256  # int16 numbers to an int8 one


def with_int16(make: Make, rng: Rng) -> Graph:
    """An int8 case with int16 activations and biases to match; QUANTIZE often keeps int8 on one side."""
    graph = make(rng)
    (node,) = graph.nodes
    kept = [node.inputs[0], node.output, None][int(rng.integers(0, 3))] if isinstance(node.op, Quantize) else None
    fixed = getattr(node.op, "OUTPUT_QUANT_INT16", None)
    twins = {t: t if t is kept else _int16(rng, t) for t in node.operands}
    twins.update({t: t if t is kept else _int16(rng, t, fixed) for t in node.outputs if t not in twins})
    inputs = [twins[tensor] for tensor in node.operands]
    for tensor in node.inputs[len(inputs) :]:
        inputs.append(_unshifted(tensor) if tensor.dtype is DType.INT8 else _wide_bias(rng, tensor, *inputs))
    value = node.op.value if isinstance(node.op, Pad) else None
    op = node.op if value is None else replace(node.op, value=_STEPS * int(value))
    changed = Node(node.name, op, tuple(inputs), tuple(twins[tensor] for tensor in node.outputs))
    return Graph(graph.name, (changed,), tuple(twins[tensor] for tensor in graph.inputs), changed.outputs)


def _int16(rng: Rng, tensor: Tensor, fixed: Quant | None = None) -> Tensor:
    quant = fixed or Quant.per_tensor(float(np.float32(tensor.affine.scale / _STEPS)))
    if tensor.data is None:
        return Tensor(tensor.name, tensor.shape, DType.INT16, quant)
    noise = rng.integers(0, _STEPS, tensor.shape)
    return Tensor.constant(tensor.name, np.asarray(_STEPS * tensor.data.astype(np.int64) + noise, np.int16), quant)


def _unshifted(weights: Tensor) -> Tensor:
    """Weights without a zero point."""
    quant = weights.affine
    return replace(weights, quant=replace(quant, zero_points=(0,) * len(quant.scales)))


def _wide_bias(rng: Rng, bias: Tensor, image: Tensor, weights: Tensor) -> Tensor:
    """A bias in int64, now and then beyond int32."""
    reach = int(rng.choice([1, _STEPS, _STEPS, 2**20]))
    return Tensor.constant(bias.name, bias.values.astype(np.int64) * reach, bias_quant(image, weights))


def with_int4(make: Make, rng: Rng) -> Graph:
    """An int8 case of a layer with int4 weights: symmetric, and for FULLY_CONNECTED per tensor, as TFLM demands."""
    graph = make(rng)
    (node,) = graph.nodes
    weights = node.inputs[1]
    scales = tuple(float(np.float32(16 * scale)) for scale in weights.affine.scales)
    quant = Quant(scales, (0,) * len(scales), weights.affine.axis)
    if isinstance(node.op, FullyConnected):
        quant = Quant.per_tensor(scales[0])
    values = rng.integers(-8, 8, weights.shape).astype(np.int8)
    packed = Tensor(weights.name, weights.shape, DType.INT4, quant, values)
    biases = [replace(bias, quant=bias_quant(node.inputs[0], packed)) for bias in node.inputs[2:]]
    return one_node(node.op, [node.inputs[0], packed, *biases], [node.output.affine])


INT16: dict[str, Make] = {
    op.kind: partial(with_int16, _INT8[op.kind]) for op in OPS if op.takes_int16 and op.kind in _INT8
}
INT4: dict[str, Make] = {
    kind: partial(with_int4, _INT8[kind]) for kind in ("conv2d", "depthwise_conv2d", "fully_connected")
}
