"""Random pieces of one-node int8 graphs: quantizations, tensors, sides, paddings. The cases are made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml.ir import Activation, DType, Graph, Node, Op, Padding, Quant, Tensor

Rng = np.random.Generator


def scale(rng: Rng, low: float = 0.002, high: float = 0.6) -> float:
    """A float32-valued scale, log-uniform."""
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def quant(rng: Rng) -> Quant:
    """A per-tensor quantization; the extreme zero points are common."""
    zero_point = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
    return Quant.per_tensor(scale(rng), zero_point)


def activation(rng: Rng, name: str, shape: Sequence[int], like: Quant | None = None) -> Tensor:
    return Tensor(name, tuple(shape), DType.INT8, like or quant(rng))


def channel_quant(rng: Rng, channels: int, axis: int, per_tensor: float = 0.2) -> Quant:
    """Quantization of weights: per channel, sometimes per tensor."""
    if rng.random() < per_tensor:
        return Quant.per_tensor(scale(rng, 0.001, 0.05))
    return Quant(tuple(scale(rng, 0.001, 0.05) for _ in range(channels)), (0,) * channels, axis)


def weights(rng: Rng, shape: Sequence[int], axis: int) -> Tensor:
    values = rng.integers(-127, 128, shape).astype(np.int8)
    return Tensor.constant("weights", values, channel_quant(rng, shape[axis], axis))


def bias(rng: Rng, channels: int, image: Tensor, filters: Tensor) -> Tensor:
    """An int32 bias."""
    values = rng.integers(-5000, 5000, channels).astype(np.int32)
    return Tensor.constant("bias", values, bias_quant(image, filters))


def bias_quant(image: Tensor, filters: Tensor) -> Quant:
    """TFLite's scales of a bias: input scale * filter scale."""
    scales = filters.affine.scales
    product = tuple(float(np.float32(image.affine.scale * s)) for s in scales)
    return Quant(product, (0,) * len(scales), 0 if len(scales) > 1 else None)


def fused(rng: Rng) -> Activation:
    return Activation(rng.choice([a.value for a in Activation]))


def one_node(op: Op, inputs: Sequence[Tensor], outputs: Sequence[Quant]) -> Graph:
    """The graph of a single node; output shapes are inferred, outputs have the given quantizations."""
    shapes = op.infer(inputs)
    names = ["output"] if len(shapes) == 1 else [f"output_{i}" for i in range(len(shapes))]
    results = tuple(Tensor(n, s, DType.INT8, q) for n, s, q in zip(names, shapes, outputs, strict=True))
    node = Node(op.kind, op, tuple(inputs), results)
    return Graph(op.kind, (node,), tuple(t for t in dict.fromkeys(inputs) if not t.is_constant), results)


def side(rng: Rng, high: int = 12) -> int:
    """A side length; 1 is common."""
    return 1 if rng.random() < 0.15 else int(rng.integers(1, high + 1))


def tflite_padding(
    rng: Rng, height: int, width: int, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Padding | None:
    """SAME or VALID padding as explicit sides, so that a TFLite file can state it; None when VALID does not fit."""
    if rng.random() < 0.5:
        return same_padding(height, width, kernel, stride, dilation)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    return Padding() if spans[0] <= height and spans[1] <= width else None


def same_padding(
    height: int, width: int, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Padding:
    """TFLite's SAME: the output has ceil(size / stride) positions, the odd pixel goes to the bottom and right."""
    sides: list[int] = []
    for size, k, s, d in zip((height, width), kernel, stride, dilation, strict=True):
        total = max(0, (-(-size // s) - 1) * s + (k - 1) * d + 1 - size)
        sides += [total // 2, total - total // 2]
    return Padding(*sides)
