"""A float graph and a quantization for each of its tensors become an int8 graph.

Weights are symmetric int8, one scale per output channel; biases int32 in steps of input scale times weight scale;
activations asymmetric int8 per tensor, as the TFLite int8 specification has it. Weights of FULLY_CONNECTED are per
channel too, which TensorFlow Lite Micro computes since September 2024 (its pull request 2673), and LiteRT: older ones
refuse such a file or compute it wrongly, hence `dense_per_channel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyml.ir import Array, DType, Graph, Node, Op, Quant, Tensor, verify
from tinyml.ops import Concatenation, FullyConnected, Pad
from tinyml.ops.quantize import quantized
from tinyml.quantizer.observers import activation_quant
from tinyml.quantizer.rules import WEIGHTS_AXIS

WEIGHT_STEPS = 127
LARGEST_BIAS = 2**30  # leaves the accumulator room for 2**15 taps of the largest products


@dataclass(frozen=True, eq=False)
class Conversion:
    """graph: int8. source: the float graph. tensors: from each activation of the source to its int8 twin.

    Nodes of both graphs stand in the same order.
    """

    graph: Graph
    source: Graph
    tensors: Mapping[Tensor, Tensor]


def convert(graph: Graph, quants: Mapping[Tensor, Quant], dense_per_channel: bool = True) -> Conversion:
    """graph: as `prepare` leaves it. quants: per-tensor, for every activation."""
    tensors = {t: Tensor(t.name, t.shape, DType.INT8, quants[t]) for t in graph.tensors if not t.is_constant}
    nodes = [_converted(node, tensors, dense_per_channel) for node in graph.nodes]
    inputs, outputs = (tuple(tensors[t] for t in side) for side in (graph.inputs, graph.outputs))
    whole = Graph(graph.name, tuple(nodes), inputs, outputs, graph.sha256)
    return Conversion(verify(whole, "int8"), graph, tensors)


def _converted(node: Node, tensors: Mapping[Tensor, Tensor], dense_per_channel: bool) -> Node:
    outputs = tuple(tensors[tensor] for tensor in node.outputs)
    if type(node.op) in WEIGHTS_AXIS:
        source = tensors[node.inputs[0]]
        per_channel = dense_per_channel or not isinstance(node.op, FullyConnected)
        return Node(node.name, node.op, (source, *_weights_and_bias(node, source, per_channel)), outputs)
    shared = outputs[0].quant if isinstance(node.op, Concatenation) else None
    inputs = tuple(_constant(t, shared) if t.is_constant else tensors[t] for t in node.inputs)
    return Node(node.name, _op(node, outputs[0]), inputs, outputs)


def _op(node: Node, output: Tensor) -> Op:
    """The op with its attributes in the numbers of the int8 output."""
    if isinstance(node.op, Pad) and node.op.value is not None:
        code = int(np.clip(quantized(np.array(node.op.value), output), -128, 127))
        return replace(node.op, value=None if code == output.affine.zero_point else code)
    return node.op


def _constant(tensor: Tensor, quant: Quant | None) -> Tensor:
    """A constant operand in int8: in `quant`, else in 256 steps over its own range."""
    values = tensor.values
    quant = quant or activation_quant(float(values.min()), float(values.max()))
    twin = Tensor(tensor.name, tensor.shape, DType.INT8, quant)
    return replace(twin, data=np.clip(quantized(values, twin), -128, 127).astype(np.int8))


def _weights_and_bias(node: Node, source: Tensor, per_channel: bool) -> tuple[Tensor, ...]:
    weights, *biases = node.inputs[1:]
    axis = WEIGHTS_AXIS[type(node.op)]
    real = np.moveaxis(weights.values.astype(np.float64), axis, -1)
    channels = real.shape[-1]
    bias = biases[0].values.astype(np.float64) if biases else np.zeros(channels)
    scales = weight_scales(real.reshape(-1, channels), bias, source.affine.scale)
    if not per_channel:
        scales = np.full(channels, scales.max())
    codes = np.clip(_rounded(real / scales), -WEIGHT_STEPS, WEIGHT_STEPS)
    filters = np.ascontiguousarray(np.moveaxis(codes, -1, axis)).astype(np.int8)
    sums = (scales * source.affine.scale).astype(np.float32)
    bias_codes = np.clip(_rounded(bias / (scales * source.affine.scale)), -LARGEST_BIAS, LARGEST_BIAS).astype(np.int32)
    name = biases[0].name if biases else f"{node.name}/bias"
    return (
        Tensor.constant(weights.name, filters, _symmetric(scales, axis, per_channel)),
        Tensor.constant(name, bias_codes, _symmetric(sums, 0, per_channel)),
    )


def restored(constant: Tensor) -> Array:
    """The real numbers of symmetric weights or biases."""
    along = [1] * len(constant.shape)
    quant = constant.affine
    if quant.axis is not None:
        along[quant.axis] = -1
    real: Array = (constant.values * np.array(quant.scales).reshape(along)).astype(np.float32)
    return real


def weight_scales(columns: Array, bias: Array, input_scale: float) -> Array:
    """float32 numbers as float64, one per column [taps, channels]: so that all weights, and the bias, can be stated."""
    scales = np.abs(columns).max(axis=0) / WEIGHT_STEPS
    scales = np.maximum(scales, np.abs(bias) / (input_scale * LARGEST_BIAS))
    scales = np.where(scales > 1e-30, scales, 1.0)
    # rounding up keeps the bias below its bound
    return np.nextafter(scales.astype(np.float32), np.float32(np.inf)).astype(np.float64)


def _symmetric(scales: Array, axis: int, per_channel: bool) -> Quant:
    if not per_channel:
        return Quant.per_tensor(float(scales[0]))
    return Quant(tuple(map(float, scales)), (0,) * len(scales), axis)


def _rounded(values: Array) -> Array:
    """To the nearest integer, ties away from zero."""
    return np.copysign(np.floor(np.abs(values) + 0.5), values)
