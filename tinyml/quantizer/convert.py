"""A float graph and a quantization for each of its tensors become an int8 graph.

Weights are symmetric int8, one scale per output channel; biases int32 in steps of input scale times weight scale;
activations asymmetric int8 per tensor, as the TFLite int8 specification has it. Where activations are int16, they are
symmetric, and biases int64. Weights may be int4 in [-7, 7] instead, those of FULLY_CONNECTED per tensor, for TFLM knows
no others. int8 weights of FULLY_CONNECTED are per channel, which TensorFlow Lite Micro computes since September 2024
(its pull request 2673), and LiteRT: older ones refuse such a file or compute it wrongly, hence `dense_per_channel`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinyml.ir import Array, DType, Graph, Node, Op, Quant, Tensor, verify
from tinyml.ir.requantize import round_half_away
from tinyml.ops import Concatenation, FullyConnected, Pad
from tinyml.ops.quantize import quantized
from tinyml.quantizer.observers import activation_quant, wide_quant
from tinyml.quantizer.rules import WEIGHTS_AXIS

WEIGHT_STEPS = 127
INT4_STEPS = 7
LARGEST_BIAS = 2**30  # leaves the accumulator room for 2**15 taps of the largest products
LARGEST_WIDE_BIAS = 2**45  # the same for 2**22 taps of int16, of a sum of 47 bits
_CUTS = np.linspace(1.0, 0.5, 11)  # of a channel's reach, for int4 weights


@dataclass(frozen=True, eq=False)
class Conversion:
    """graph: int8. source: the float graph. tensors: from each activation of the source to its int8 twin.

    Nodes of both graphs stand in the same order.
    """

    graph: Graph
    source: Graph
    tensors: Mapping[Tensor, Tensor]


def convert(
    graph: Graph,
    quants: Mapping[Tensor, Quant],
    dense_per_channel: bool = True,
    wide: Collection[Tensor] = (),
    int4: Collection[Node] = (),
) -> Conversion:
    """graph: as `prepare` leaves it. quants: per-tensor, for every activation.

    wide: activations in int16, with QUANTIZE where they meet others. int4: layers whose weights are, unless wide.
    """
    tensors = {
        t: Tensor(t.name, t.shape, DType.INT16 if t in wide else DType.INT8, quants[t])
        for t in graph.tensors
        if not t.is_constant
    }
    nodes = [
        _converted(node, tensors, dense_per_channel, DType.INT4 if node in int4 else DType.INT8) for node in graph.nodes
    ]
    inputs, outputs = (tuple(tensors[t] for t in side) for side in (graph.inputs, graph.outputs))
    whole = Graph(graph.name, tuple(nodes), inputs, outputs, graph.sha256)
    return Conversion(verify(whole, "int8"), graph, tensors)


def _converted(node: Node, tensors: Mapping[Tensor, Tensor], dense_per_channel: bool, weights: DType) -> Node:
    outputs = tuple(tensors[tensor] for tensor in node.outputs)
    if type(node.op) in WEIGHTS_AXIS:
        source = tensors[node.inputs[0]]
        kind = DType.INT8 if source.dtype is DType.INT16 else weights
        dense_per_channel &= kind is DType.INT8
        per_channel = dense_per_channel or not isinstance(node.op, FullyConnected)
        return Node(node.name, node.op, (source, *_weights_and_bias(node, source, per_channel, kind)), outputs)
    shared = outputs[0].quant if isinstance(node.op, Concatenation) else None
    inputs = tuple(_constant(t, shared, outputs[0].dtype) if t.is_constant else tensors[t] for t in node.inputs)
    return Node(node.name, _op(node, outputs[0]), inputs, outputs)


def _op(node: Node, output: Tensor) -> Op:
    """The op with its attributes in the numbers of the quantized output."""
    if isinstance(node.op, Pad) and node.op.value is not None:
        code = int(np.clip(quantized(np.array(node.op.value), output), *output.dtype.bounds))
        return replace(node.op, value=None if code == output.affine.zero_point else code)
    return node.op


def _constant(tensor: Tensor, quant: Quant | None, kind: DType) -> Tensor:
    """A constant operand: in `quant`, else in the steps of its type over its own range."""
    values = tensor.values
    ranged = wide_quant if kind is DType.INT16 else activation_quant
    twin = Tensor(tensor.name, tensor.shape, kind, quant or ranged(float(values.min()), float(values.max())))
    return replace(twin, data=np.clip(quantized(values, twin), *kind.bounds).astype(kind.numpy))


def _weights_and_bias(node: Node, source: Tensor, per_channel: bool, kind: DType) -> tuple[Tensor, ...]:
    weights, *biases = node.inputs[1:]
    axis = WEIGHTS_AXIS[type(node.op)]
    real = np.moveaxis(weights.values.astype(np.float64), axis, -1)
    channels = real.shape[-1]
    bias = biases[0].values.astype(np.float64) if biases else np.zeros(channels)
    bias_kind = DType.INT64 if source.dtype is DType.INT16 else DType.INT32
    largest = largest_bias(bias_kind)
    columns, biases_seen = real.reshape(-1, channels), bias
    if not per_channel:
        columns, biases_seen = real.reshape(-1, 1), np.abs(bias).max(keepdims=True)
    found = weight_scales(columns, biases_seen, source.affine.scale, kind, largest)
    scales, steps = np.broadcast_to(found, channels), INT4_STEPS if kind is DType.INT4 else WEIGHT_STEPS
    codes = np.clip(round_half_away(real / scales), -steps, steps)
    filters = np.ascontiguousarray(np.moveaxis(codes, -1, axis)).astype(np.int8)
    sums = (scales * source.affine.scale).astype(np.float32)
    bias_codes = np.clip(round_half_away(bias / (scales * source.affine.scale)), -largest, largest).astype(
        bias_kind.numpy
    )
    name = biases[0].name if biases else f"{node.name}/bias"
    return (
        Tensor(weights.name, filters.shape, kind, _symmetric(scales, axis, per_channel), filters),
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


def largest_bias(kind: DType) -> int:
    """In steps, for a bias of this type."""
    return LARGEST_WIDE_BIAS if kind is DType.INT64 else LARGEST_BIAS


def weight_scales(
    columns: Array, bias: Array, input_scale: float, kind: DType = DType.INT8, largest: int = LARGEST_BIAS
) -> Array:
    """float32 numbers as float64, one per column [taps, channels]: so that all weights, and the bias, can be stated.

    int4: so that the squared error is least, for so few steps are better spent on the many small weights.
    """
    steps = INT4_STEPS if kind is DType.INT4 else WEIGHT_STEPS
    scales = np.abs(columns).max(axis=0) / steps
    if kind is DType.INT4:
        errors = [_squared_error(columns, scales * cut, steps) for cut in _CUTS]
        scales = scales * _CUTS[np.argmin(errors, axis=0)]
    scales = np.maximum(scales, np.abs(bias) / (input_scale * largest))
    scales = np.where(scales > 1e-30, scales, 1.0)
    # rounding up keeps the bias below its bound
    return np.nextafter(scales.astype(np.float32), np.float32(np.inf)).astype(np.float64)


def _squared_error(columns: Array, scales: Array, steps: int) -> Array:
    """Per column, of rounding and cutting off."""
    divisors = np.where(scales > 0, scales, 1.0)
    kept = np.clip(round_half_away(columns / divisors), -steps, steps) * divisors
    return np.asarray(((columns - kept) ** 2).sum(axis=0))


def _symmetric(scales: Array, axis: int, per_channel: bool) -> Quant:
    if not per_channel:
        return Quant.per_tensor(float(scales[0]))
    return Quant(tuple(map(float, scales)), (0,) * len(scales), axis)
