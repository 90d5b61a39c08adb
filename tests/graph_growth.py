"""A random int8 graph under construction: applies ops, chooses quantizations that fit what they give, makes weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.op_graphs import Rng
from tinyml.errors import UnsupportedError
from tinyml.interpreter import evaluate
from tinyml.ir import Activation, Array, DType, Node, Op, Quant, Shape, ShapeError, Tensor
from tinyml.ops import (
    AveragePool2D,
    Concatenation,
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
)

SAMPLES, MAX_ELEMENTS = 3, 2500

# ops whose output keeps the quantization of their inputs, and ops that state their own
KEEPS_QUANT = (
    AveragePool2D,
    Concatenation,
    Maximum,
    MaxPool2D,
    Minimum,
    Pad,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Split,
    StridedSlice,
    Transpose,
)
FIXED_QUANT = (L2Normalization, Logistic, LogSoftmax, Softmax, Tanh)

Outputs = tuple[Tensor, ...]
Step = Callable[["GraphGrowth", Tensor], Outputs]


def keeps_quant(op: Op) -> bool:
    """Whether TFLM copies the op's bytes, so that all its operands and outputs must be quantized alike."""
    return isinstance(op, KEEPS_QUANT) or (isinstance(op, Relu) and op.activation is Activation.RELU6)


class Misfit(Exception):
    """A step does not suit the tensor it was given: another is drawn."""


class GraphGrowth:
    """A graph under construction: nodes, live tensors with their values on the samples, and which are unread."""

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.nodes: list[Node] = []
        self.values: dict[Tensor, list[Array]] = {}
        self.constants: set[Tensor] = set()
        shapes = [input_shape(rng) for _ in range(int(rng.choice([1, 1, 1, 2, 3])))]
        if len(shapes) > 1 and rng.random() < 0.5:
            shapes[1] = shapes[0]  # so that they can be added
        self.inputs = [self.new_input(index, shape) for index, shape in enumerate(shapes)]

    def new_input(self, index: int, shape: Shape) -> Tensor:
        zero_point = int(self.rng.choice([-128, 127, 0, int(self.rng.integers(-128, 128))]))
        quant = Quant.per_tensor(float(np.float32(np.exp(self.rng.uniform(-6, -2.5)))), zero_point)
        tensor = Tensor(f"input_{index}", shape, DType.INT8, quant)
        self.values[tensor] = [self.rng.integers(-128, 128, shape).astype(np.int8) for _ in range(SAMPLES)]
        return tensor

    @property
    def live(self) -> list[Tensor]:
        return [tensor for tensor in self.values if tensor not in self.constants]

    @property
    def unread(self) -> list[Tensor]:
        read = {tensor for node in self.nodes for tensor in node.inputs}
        return [tensor for tensor in self.live if tensor not in read]

    def pick(self, tensors: Sequence[Tensor]) -> Tensor:
        return tensors[int(self.rng.integers(len(tensors)))]

    def integers(self, low: int, high: int, count: int) -> list[int]:
        """`count` numbers in [low, high]."""
        return [int(value) for value in self.rng.integers(low, high + 1, count)]

    def take(self, step: Step, operand: Tensor) -> bool:
        """Puts a step behind a tensor; False, and no trace of it, when it does not fit."""
        nodes, values, constants = list(self.nodes), dict(self.values), set(self.constants)
        try:
            step(self, operand)
        except (Misfit, ShapeError, UnsupportedError):
            self.nodes, self.values, self.constants = nodes, values, constants
            return False
        return True

    def next_operand(self) -> Tensor:
        """A live tensor, mostly one that nothing reads yet."""
        return self.pick(self.unread if self.unread and self.rng.random() < 0.8 else self.live)

    def fused(self) -> Activation:
        """A fused activation; the narrow ones are rarer, for behind them little is left alive."""
        choices = [Activation.NONE, Activation.RELU, Activation.RELU6, Activation.RELU_N1_TO_1]
        return choices[int(self.rng.choice(4, p=[0.4, 0.3, 0.2, 0.1]))]

    def constant(self, role: str, data: Array, quant: Quant) -> Tensor:
        tensor = Tensor.constant(f"{role}_{len(self.nodes)}", data, quant)
        self.values[tensor] = [tensor.values] * SAMPLES
        self.constants.add(tensor)
        return tensor

    def apply(self, op: Op, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Adds a node and returns its outputs, quantized for what the op gives on the samples."""
        shapes = op.infer(inputs)
        if any(int(np.prod(shape)) > MAX_ELEMENTS or not shape for shape in shapes):
            raise Misfit
        return self.put(op, self.output_quant(op, inputs, shapes), *inputs)

    def put(self, op: Op, quant: Quant, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Adds a node whose outputs are quantized so."""
        shapes = op.infer(inputs)
        name = f"{op.kind}_{len(self.nodes)}"
        names = [name] if len(shapes) == 1 else [f"{name}_{index}" for index in range(len(shapes))]
        outputs = tuple(Tensor(n, shape, DType.INT8, quant) for n, shape in zip(names, shapes, strict=True))
        node = Node(name, op, inputs, outputs)
        results = [evaluate(node, [self.values[t][sample] for t in inputs]) for sample in range(SAMPLES)]
        for index, tensor in enumerate(outputs):
            self.values[tensor] = [result[index] for result in results]
        self.nodes.append(node)
        return outputs

    def output_quant(self, op: Op, inputs: Sequence[Tensor], shapes: Sequence[Shape]) -> Quant:
        if keeps_quant(op):
            return inputs[0].affine
        if isinstance(op, FIXED_QUANT):
            return op.OUTPUT_QUANT
        outputs = tuple(Tensor("real", shape, DType.FLOAT32) for shape in shapes)
        reals = tuple(Tensor(t.name, t.shape, DType.FLOAT32) for t in inputs)
        node = Node("real", op, reals, outputs)
        ranges = [
            op.run_float(node, [dequantized(t, self.values[t][sample]) for t in inputs])[0] for sample in range(SAMPLES)
        ]
        return self.fit(float(np.min(ranges)), float(np.max(ranges)))

    def fit(self, low: float, high: float) -> Quant:
        """A quantization of [low, high], sometimes too narrow (values saturate) or too wide."""
        low, high = min(low, 0.0), max(high, 0.0)
        span = (high - low) * float(self.rng.choice([1.0, 1.0, 1.0, 0.6, 1.7])) or 1.0
        scale = float(np.float32(max(span / 255, 1e-6)))
        return Quant.per_tensor(scale, int(np.clip(round(-128 - low / scale), -128, 127)))

    def requantized(self, x: Tensor, target: Quant) -> Tensor:
        """`x` in another quantization, behind a QUANTIZE; itself when it is in that one."""
        if x.affine == target:
            return x
        if x.is_constant:
            return self.constant("part", x.values, target)
        name = f"quantize_{len(self.nodes)}"
        node = Node(name, Quantize(), (x,), (Tensor(name, x.shape, DType.INT8, target),))
        self.values[node.output] = [evaluate(node, [value])[0] for value in self.values[x]]
        self.nodes.append(node)
        return node.output

    def weights(self, image: Tensor, shape: Shape, axis: int, terms: int) -> Tensor:
        """Weights that bring sums of `terms` products to about 1, per channel or per tensor.

        Sometimes a filter is all zeros or all one extreme.
        """
        channels = shape[axis]
        data = np.clip(np.round(self.rng.normal(0, 45, shape)), -127, 127).astype(np.int8)
        if self.rng.random() < 0.2:
            filters = np.moveaxis(data, axis, 0)
            filters[int(self.rng.integers(channels))] = self.rng.choice([0, 127, -127])
        count = 1 if self.rng.random() < 0.2 else channels
        usual = 1 / (45 * 74 * np.sqrt(terms) * image.affine.scale)
        scales = tuple(float(np.float32(usual * 2 ** self.rng.uniform(-2, 2))) for _ in range(count))
        if count == 1 and channels > 1:
            return self.constant("weights", data, Quant.per_tensor(scales[0]))
        return self.constant("weights", data, Quant(scales, (0,) * channels, axis))

    def bias(self, image: Tensor, filters: Tensor, channels: int, terms: int) -> list[Tensor]:
        """Mostly one bias, of the size of the sums it is added to."""
        if self.rng.random() < 0.15:
            return []
        data = np.round(self.rng.normal(0, 2000 * np.sqrt(terms), channels)).astype(np.int32)
        return [self.constant("bias", data, bias_quant(image, filters))]


def bias_quant(image: Tensor, filters: Tensor) -> Quant:
    """TFLite's scale of a bias: input scale * filter scale."""
    scales = tuple(float(np.float32(image.affine.scale * scale)) for scale in filters.affine.scales)
    return Quant(scales, (0,) * len(scales), 0 if len(scales) > 1 else None)


def dequantized(tensor: Tensor, values: Array) -> Array:
    quant = tensor.affine
    shape = [1] * values.ndim
    if quant.axis is not None:
        shape[quant.axis] = len(quant.scales)
    scales, zero_points = (np.array(v, np.float32).reshape(shape) for v in (quant.scales, quant.zero_points))
    return np.asarray((values.astype(np.float32) - zero_points) * scales, np.float32)


def input_shape(rng: Rng) -> Shape:
    if rng.random() < 0.1:
        return (1, int(rng.integers(1, 60)))
    height, width = (1 if rng.random() < 0.12 else int(rng.integers(2, 15)) for _ in range(2))
    return (1, height, width, int(rng.choice([1, 2, 3, 4, 5, 7, 8, 11])))
