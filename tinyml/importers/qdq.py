"""A float graph with QUANTIZE and DEQUANTIZE around its ops becomes an int8 graph.

    DEQUANTIZE(q) -> f -> QUANTIZE          =>  f on int8, with the quantization that the QUANTIZE states

Weights are the integers that the file holds; a bias is counted in steps of input scale times weight scale. Ops that
copy or compare bytes keep their input's quantization, SOFTMAX, LOGISTIC and such have one of their own: where the file
states another one behind them, a QUANTIZE from int8 to int8 stays. Constants that the file leaves in float beside
quantized tensors (slopes, factors) are quantized around 0 by their greatest value. The numbers are TFLite's then, not
onnxruntime's: the two round differently by a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyml.errors import UnsupportedError
from tinyml.ir import Activation, Array, DType, Graph, Node, Quant, Tensor, shown
from tinyml.ops import (
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    L2Normalization,
    Logistic,
    LogSoftmax,
    Maximum,
    MaxPool2D,
    Minimum,
    Pad,
    Quantize,
    Relu,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Softmax,
    Split,
    StridedSlice,
    Tanh,
    Transpose,
    TransposeConv,
)
from tinyml.passes.dead_nodes import dead_nodes
from tinyml.passes.fuse_activation import fuse_activation
from tinyml.passes.rewriting import sole_reader

_WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected, TransposeConv)
_SHAPED = (Reshape, Transpose)
_SAME_QUANT = (*_SHAPED, AveragePool2D, MaxPool2D, Pad, ResizeBilinear, ResizeNearest, Split, StridedSlice)
_OWN_QUANT = (L2Normalization, Softmax, Logistic, LogSoftmax, Tanh)
_COMMON_QUANT = (Concatenation, Maximum, Minimum)
# a clamp's output, where the file does not quantize it: the clamp is its range
_CLAMPED = {Activation.RELU6: Quant.per_tensor(6 / 255, -128), Activation.RELU_N1_TO_1: Quant.per_tensor(2 / 255, -1)}
_INTEGRAL = 1e-2  # how far weights over their scale may be from integers
_SHOWN = 50


def absorb(graph: Graph, quants: Mapping[Tensor, Quant], exact: Mapping[Tensor, Array]) -> Graph:
    """The int8 graph. quants: how the file quantizes the float constants, scales along the weights' output channels.

    exact: those constants in float64, which holds every int32 bias. The graph itself when it holds no QUANTIZE. Raises
    UnsupportedError with every op that is not quantized.
    """
    if not any(isinstance(node.op, Quantize | Dequantize) for node in graph.nodes):
        return graph
    return _Absorption(fuse_activation(graph), quants, exact).graph()


@dataclass(frozen=True)
class _Missing(Exception):
    why: str


class _Absorption:
    """Each float tensor gets an int8 twin, in execution order."""

    def __init__(self, graph: Graph, quants: Mapping[Tensor, Quant], exact: Mapping[Tensor, Array]) -> None:
        self._graph, self._quants, self._exact = graph, quants, exact
        self._twins: dict[Tensor, Tensor] = {}
        self._nodes: list[Node] = []
        self._faults: list[str] = []

    def graph(self) -> Graph:
        for node in self._graph.nodes:
            try:
                self._absorb(node)
            except _Missing as missing:
                self._faults.append(f"{node.op.kind}, output {shown(node.outputs[0].name)}: {missing.why}")
        if self._faults:
            more = f"\n  and {len(self._faults) - _SHOWN} more" if len(self._faults) > _SHOWN else ""
            listed = "\n  ".join(self._faults[:_SHOWN])
            raise UnsupportedError(
                f"the model is quantized in part; these ops are not:\n  {listed}{more}",
                "fold batch normalization and quantize all of it, or import the float model and quantize that",
            )
        return dead_nodes(self._graph.with_nodes(self._nodes))

    def _absorb(self, node: Node) -> None:
        if isinstance(node.op, Quantize):
            self._quantize(node)
        elif isinstance(node.op, Dequantize):
            self._dequantize(node)
        else:
            self._compute(node)

    def _quantize(self, node: Node) -> None:
        """From the graph's float input, or from a twin that may already be what is asked for."""
        twin = self._twins.get(node.inputs[0])
        if twin is None:
            self._nodes.append(node)
            self._twins[node.output] = node.output
        elif twin.quant == node.output.quant:
            self._twins[node.output] = twin
        else:
            self._nodes.append(replace(node, inputs=(twin,)))
            self._twins[node.output] = node.output

    def _dequantize(self, node: Node) -> None:
        source = self._twins.get(node.inputs[0], node.inputs[0])
        self._twins[node.output] = source
        if node.output in self._graph.outputs:
            self._nodes.append(replace(node, inputs=(source,)))

    def _compute(self, node: Node) -> None:
        operands = [self._operand(tensor) for tensor in node.operands]
        if isinstance(node.op, _COMMON_QUANT):
            quant = self._stated(node.outputs[0]) or operands[0].affine
            operands = [self._requantized(tensor, quant) for tensor in operands]
            quants = [quant]
        else:
            quants = [self._output_quant(node, operands[0], tensor) for tensor in node.outputs]
        outputs = tuple(
            Tensor(f"{t.name}/int8" if t in self._graph.outputs else t.name, t.shape, DType.INT8, quant)
            for t, quant in zip(node.outputs, quants, strict=True)
        )
        inputs = (*operands, *self._parameters(node, operands[0]))
        op = replace(node.op, value=_code(node.op, operands[0])) if isinstance(node.op, Pad) else node.op
        self._nodes.append(replace(node, op=op, inputs=inputs, outputs=outputs))
        self._twins.update(zip(node.outputs, outputs, strict=True))
        self._nodes += [
            Node(real.name, Dequantize(), (twin,), (real,))
            for real, twin in zip(node.outputs, outputs, strict=True)
            if real in self._graph.outputs
        ]

    def _output_quant(self, node: Node, source: Tensor, output: Tensor) -> Quant:
        if isinstance(node.op, _OWN_QUANT):
            return node.op.OUTPUT_QUANT
        clamps_bytes = isinstance(node.op, Relu) and node.op.activation is Activation.RELU6
        if isinstance(node.op, _SAME_QUANT) or clamps_bytes:
            return source.affine
        quant = self._stated(output) or _CLAMPED.get(getattr(node.op, "activation", Activation.NONE))
        if quant is None:
            raise _Missing("its output is not quantized")
        return quant

    def _stated(self, tensor: Tensor) -> Quant | None:
        """What the QUANTIZE that alone reads a tensor states; reshapes and transposes may lie between."""
        reader = sole_reader(self._graph, tensor)
        while reader is not None and isinstance(reader.op, _SHAPED):
            reader = sole_reader(self._graph, reader.output)
        return reader.output.quant if reader is not None and isinstance(reader.op, Quantize) else None

    def _operand(self, tensor: Tensor) -> Tensor:
        if tensor in self._twins:
            return self._twins[tensor]
        if not tensor.is_constant:
            raise _Missing(f"its input {shown(tensor.name)} is not quantized")
        quant = self._quants.get(tensor)
        if quant is None:
            quant = Quant.per_tensor(float(np.abs(tensor.values).max()) / 127 or 1.0)
            codes = np.round(tensor.values / quant.scale)
        elif quant.is_per_channel:
            raise _Missing(f"its input {shown(tensor.name)} has {len(quant.scales)} scales")
        else:
            codes = _codes(tensor, np.array(quant.scale)) + quant.zero_point
        self._twins[tensor] = Tensor.constant(tensor.name, np.clip(codes, -128, 127).astype(np.int8), quant)
        return self._twins[tensor]

    def _requantized(self, tensor: Tensor, quant: Quant) -> Tensor:
        if tensor.quant == quant:
            return tensor
        taken = {other.name for node in self._nodes for other in node.outputs}
        name = next(n for at in range(len(taken) + 1) if (n := f"{tensor.name}/requantized{at or ''}") not in taken)
        output = Tensor(name, tensor.shape, DType.INT8, quant)
        self._nodes.append(Node(name, Quantize(), (tensor,), (output,)))
        return output

    def _parameters(self, node: Node, source: Tensor) -> list[Tensor]:
        if not isinstance(node.op, _WEIGHTED):
            return []
        weights = node.inputs[1]
        quant = self._quants.get(weights)
        dense = isinstance(node.op, FullyConnected) and quant is not None and not quant.is_per_channel
        if quant is None or (any(quant.zero_points) and not dense):
            raise _Missing("its weights are not quantized, or not around 0")
        axis = 3 if isinstance(node.op, DepthwiseConv2D) else 0
        channels = weights.shape[axis]
        scales = np.array(quant.scales if len(quant.scales) == channels else quant.scales * channels)
        if len(scales) != channels:
            raise _Missing(f"{len(quant.scales)} scales for {channels} output channels")
        across = scales.reshape([-1 if side == axis else 1 for side in range(len(weights.shape))])
        along = quant if dense else Quant(tuple(map(float, scales)), (0,) * channels, axis)
        codes = _codes(weights, across) + along.zero_points[0]
        if codes.min() < -128 or codes.max() > 127:
            raise _Missing(f"{shown(weights.name)} is no int8")
        found = [Tensor.constant(weights.name, codes.astype(np.int8), along)]
        if len(node.inputs) > 2:
            found.append(self._bias(node.inputs[2], source.affine.scale * scales))
        return found

    def _bias(self, tensor: Tensor, scales: Array) -> Tensor:
        """The file's own integers where it counts in these steps, whose product it states as float32."""
        stated = self._quants.get(tensor)
        alike = stated is not None and np.allclose(stated.scales, scales, rtol=1e-6, atol=0)
        steps = np.array(stated.scales) if stated is not None and alike else scales
        whole = np.clip(np.round(self._exact.get(tensor, tensor.values) / steps), -(2**31), 2**31 - 1)
        quant = Quant(tuple(map(float, scales)), (0,) * len(scales), 0)
        return Tensor.constant(tensor.name, whole.astype(np.int32), quant)


def _codes(tensor: Tensor, scales: Array) -> Array:
    """The integers that a constant stands for; _Missing where it is no multiple of its scale."""
    quotient = tensor.values / scales
    whole = np.round(quotient)
    if np.abs(quotient - whole).max(initial=0) > _INTEGRAL or np.abs(whole).max(initial=0) > 255:
        raise _Missing(f"{shown(tensor.name)} is changed after it was quantized")
    return whole


def _code(op: Pad, source: Tensor) -> float | None:
    """The fill as an int8 number; None is the zero point."""
    if op.value is None:
        return None
    return float(np.clip(round(op.value / source.affine.scale) + source.affine.zero_point, -128, 127))


def scales_of(data: Sequence[float], zero_points: Sequence[int]) -> Quant:
    """A quantization as a file states it: one scale, or one per output channel."""
    if len(data) == 1:
        return Quant.per_tensor(data[0], zero_points[0])
    return Quant(tuple(map(float, data)), tuple(map(int, zero_points)), 0)
