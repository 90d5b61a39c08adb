"""Every op on a batch in PyTorch: the interpreter's integers as values, the float op's gradient.

A tensor is its codes without the zero point, as float32 [N, *shape] with the graph's shape behind the batch; times its
scale it is the real number. Convolutions sum such integers exactly. What else computes calls the op's own
`run_int8` where that is fast enough, so that there is little second arithmetic to keep equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.nn import functional

from tinyml.ir import Activation, Array, DType, Node, Op, Padding, Shape
from tinyml.ir.requantize import convolution_multipliers
from tinyml.ops import (
    Abs,
    Add,
    AveragePool2D,
    BatchMatMul,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    Elementary,
    Elu,
    FullyConnected,
    Gelu,
    HardSwish,
    L2Normalization,
    LeakyRelu,
    Logistic,
    LogSoftmax,
    Maximum,
    MaxPool2D,
    Mean,
    Minimum,
    Mul,
    Pad,
    Prelu,
    Quantize,
    Relu,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    Rsqrt,
    Softmax,
    Split,
    SquaredDifference,
    StridedSlice,
    Sub,
    Tanh,
    Transpose,
    TransposeConv,
)
from tinyml.ops.add import LEFT_SHIFT, sum_multipliers
from tinyml.ops.resize_bilinear import ONE
from tinyml.quantizer.qat.exact import limits, multiplied, rescaled, straight_through, summing_dtype

Codes: TypeAlias = torch.Tensor  # float32 integers [N, *shape], or [*shape] of a constant


@dataclass(frozen=True, eq=False)
class Call:
    """A node of the int8 graph, and what it is applied to.

    operands: its activations and constants, without the bias. scales: of the operands; per channel for weights.
    scale: of the output. bias: real numbers, or None. All of these may carry gradients. rounded: whether the output is
    what the op gives on int8, or the float op's.
    """

    node: Node
    operands: Sequence[Codes]
    scales: Sequence[torch.Tensor]
    scale: torch.Tensor
    bias: torch.Tensor | None = None
    rounded: bool = True

    @property
    def op(self) -> Any:
        return self.node.op

    @property
    def count(self) -> int:
        """Samples in the batch."""
        (count,) = {len(o) for o, t in zip(self.operands, self.node.inputs, strict=False) if not t.is_constant}
        return count

    def real(self, index: int = 0) -> torch.Tensor:
        """An operand's real numbers, aligned to the others' number of sides."""
        return self.aligned(index) * self.scales[index]

    def image(self) -> Codes:
        """The first operand as [N, C, H, W]."""
        return self.operands[0][:, 0].permute(0, 3, 1, 2)

    def stored(self, index: int) -> Array:
        """int8 numbers of an operand, with the zero point."""
        whole = self.aligned(index).detach() + self.node.inputs[index].affine.zero_point
        stored: Array = whole.to(torch.int8).cpu().numpy()
        return stored

    def finish(self, estimate: torch.Tensor, stored: Array, activation: Activation = Activation.NONE) -> Codes:
        """The output: int8 numbers as the op computed them, with the gradient of real numbers in output steps."""
        codes = torch.from_numpy(stored.astype(np.int16) - self.node.output.affine.zero_point)
        shape = (self.count, *self.node.output.shape)
        exact = codes.reshape(shape).to(estimate.device)
        return straight_through(estimate.reshape(shape), exact, *limits(self.node.output, activation))

    def aligned(self, index: int) -> Codes:
        """An operand with as many sides behind the batch as the one with most."""
        rank = max(len(tensor.shape) for tensor in self.node.inputs)
        codes, tensor = self.operands[index], self.node.inputs[index]
        if tensor.is_constant:
            return codes
        return codes.reshape(len(codes), *(1,) * (rank - len(tensor.shape)), *tensor.shape)


Run = Callable[[Call], Sequence[Codes]]


# sums of products


def _conv2d(call: Call) -> Sequence[Codes]:
    return [_summed(call, _window_sum)]


def _window_sum(call: Call, image: Codes, weights: Codes) -> torch.Tensor:
    op = call.op
    filters = weights.permute(3, 0, 1, 2) if isinstance(op, DepthwiseConv2D) else weights.permute(0, 3, 1, 2)
    stride, dilation = (op.stride_h, op.stride_w), (op.dilation_h, op.dilation_w)
    groups = image.shape[1] // filters.shape[1]
    around, image = _framed(image, op.padding)
    return functional.conv2d(image, filters, None, stride, around, dilation, groups)


def _framed(image: Codes, padding: Padding) -> tuple[tuple[int, int], Codes]:
    """(padding alike on both sides, the image with the rest of the padding)."""
    top, bottom, left, right = padding.top, padding.bottom, padding.left, padding.right
    if (top, left) == (bottom, right):
        return (top, left), image
    return (0, 0), functional.pad(image, (left, right, top, bottom))


def _transposed_sum(call: Call, image: Codes, weights: Codes) -> torch.Tensor:
    p, (_, out_h, out_w, _) = call.op.padding, call.node.output.shape
    stride = (call.op.stride_h, call.op.stride_w)
    whole = functional.conv_transpose2d(image, weights.permute(3, 0, 1, 2), None, stride)
    missing = max(p.top + out_h - whole.shape[2], 0), max(p.left + out_w - whole.shape[3], 0)
    whole = functional.pad(whole, (0, missing[1], 0, missing[0]))
    return whole[:, :, p.top : p.top + out_h, p.left : p.left + out_w]


def _transpose_conv(call: Call) -> Sequence[Codes]:
    return [_summed(call, _transposed_sum)]


def _summed(call: Call, function: Callable[[Call, Codes, Codes], torch.Tensor]) -> Codes:
    """function: sums [N, O, h, w] of an image [N, C, H, W] and weights."""
    bound, dtype = _bound(call)
    sums = function(call, call.image().to(dtype), call.operands[1].to(dtype))
    return _finished(call, sums.permute(0, 2, 3, 1), bound)


def _fully_connected(call: Call) -> Sequence[Codes]:
    bound, dtype = _bound(call)
    weights = call.operands[1].to(dtype)
    return [_finished(call, call.operands[0].to(dtype).reshape(call.count, -1, weights.shape[1]) @ weights.T, bound)]


def _bound(call: Call) -> tuple[float, torch.dtype]:
    """What no sum of products exceeds, bias included, and the dtype that holds the sums without the bias."""
    axis = call.node.inputs[1].affine.axis or 0
    weights = call.operands[1].detach().abs()
    others = [side for side in range(weights.ndim) if side != axis]
    sums = float(weights.sum(others).max()) * max(map(abs, limits(call.node.inputs[0])))
    return sums + float(np.abs(call.node.inputs[2].values.astype(np.float64)).max()), summing_dtype(sums)


def _finished(call: Call, sums: torch.Tensor, bound: float) -> Codes:
    """From exact sums [..., O]: bias, rescaling, clamp."""
    source, weights, bias = call.node.inputs
    output, activation = call.node.output, call.op.activation
    multipliers, shifts = convolution_multipliers(source, weights, output, sums.shape[-1])
    total = sums.detach().to(torch.int64) + torch.from_numpy(bias.values.astype(np.int64)).to(sums.device)
    exact = rescaled(output, total, np.array(multipliers), np.array(shifts), activation, bound)
    assert call.bias is not None
    estimate = sums.float() * (call.scales[0] * call.scales[1] / call.scale) + call.bias / call.scale
    shape = (call.count, *output.shape)
    return straight_through(estimate.reshape(shape), exact.reshape(shape), *limits(output, activation))


def _mean(call: Call) -> Sequence[Codes]:
    source, output = call.node.inputs[0], call.node.output
    axes = call.op.reduced(source.shape)
    count = math.prod(source.shape[axis] for axis in axes)
    bound = count * 255.0
    sums = call.operands[0].to(summing_dtype(bound)).sum([axis + 1 for axis in axes]) if axes else call.operands[0]
    multiplier, shift = _arrays(call.op.rescaling(call.node))
    exact = rescaled(output, sums.detach().to(torch.int64), multiplier, shift, Activation.NONE, bound)
    shape = (call.count, *output.shape)
    estimate = sums.float() * (call.scales[0] / (call.scale * count))
    return [straight_through(estimate.reshape(shape), exact.reshape(shape), *limits(output))]


# element by element


def _sum_or_difference(call: Call) -> Sequence[Codes]:
    """ADD and SUB as ops.add has them, in PyTorch for speed: skip connections are large."""
    sign = -1 if isinstance(call.op, Sub) else 1
    first, second, final = sum_multipliers(call.node)
    terms = [
        multiplied(call.aligned(index).detach().to(torch.int64) << LEFT_SHIFT[DType.INT8], *_arrays(pair))
        for index, pair in enumerate((first, second))
    ]
    total = multiplied(terms[0] + sign * terms[1], *_arrays(final))
    low, high = limits(call.node.output, call.op.activation)
    estimate = (call.real(0) + sign * call.real(1)) / call.scale
    shape = (call.count, *call.node.output.shape)
    return [straight_through(estimate.reshape(shape), total.clamp_(low, high).reshape(shape), low, high)]


def _arrays(multiplier: tuple[int, int]) -> tuple[Array, Array]:
    return np.array([multiplier[0]]), np.array([multiplier[1]])


def _elementwise(function: Callable[..., torch.Tensor]) -> Run:
    """function: of the op and the operands' real numbers."""

    def run(call: Call) -> Sequence[Codes]:
        places = range(len(call.operands))
        estimate = function(call.op, *(call.real(index) for index in places)) / call.scale
        if not call.rounded:
            return [estimate.reshape(call.count, *call.node.output.shape)]
        (stored,) = call.op.run_int8(call.node, [call.stored(index) for index in places])
        return [call.finish(estimate, stored, getattr(call.op, "activation", Activation.NONE))]

    return run


_ELEMENTARY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "COS": torch.cos,
    "ELU": functional.elu,
    "EXP": torch.exp,
    "EXP +1 LOG": functional.softplus,
    "LOG": lambda x: torch.log(x.clamp_min(1e-12)),
    "NEG": torch.neg,
    "SIN": torch.sin,
    "SQUARE": torch.square,
}


def _product(op: BatchMatMul, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.mT if op.adjoint0 else a) @ (b.mT if op.adjoint1 else b)


def _slope(op: LeakyRelu, x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x, x * op.alpha)


# channel by channel


def _by_channel(call: Call) -> Array:
    """What an op that treats channels alike makes of all samples' channels side by side: int8 [N, 1, h, w, C]."""
    count, (_, height, width, channels) = call.count, call.node.inputs[0].shape
    side_by_side = call.stored(0).reshape(count, height, width, channels).transpose(1, 2, 0, 3)
    (stored,) = call.op.run_int8(call.node, [side_by_side.reshape(1, height, width, count * channels)])
    _, height, width, _ = stored.shape
    unmixed: Array = stored.reshape(height, width, count, channels).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(unmixed)


def _average_pool2d(call: Call) -> Sequence[Codes]:
    op, (_, height, width, _) = call.op, call.node.inputs[0].shape
    around, image = _framed(call.image(), op.padding)
    image = functional.pad(image, (around[1], around[1], around[0], around[0]))
    sums = functional.avg_pool2d(
        image, (op.kernel_h, op.kernel_w), (op.stride_h, op.stride_w), divisor_override=1
    ).permute(0, 2, 3, 1)
    _, taps = op.sums(np.ones((height, width, 1), np.float32))
    return [call.finish(sums / torch.from_numpy(taps).to(sums.device), _by_channel(call), op.activation)]


def _max_pool2d(call: Call) -> Sequence[Codes]:
    op, p, source = call.op, call.op.padding, call.node.inputs[0]
    least = limits(source)[0]
    image = functional.pad(call.image(), (p.left, p.right, p.top, p.bottom), value=least)
    best = functional.max_pool2d(image, (op.kernel_h, op.kernel_w), (op.stride_h, op.stride_w))
    return [best.clamp(*limits(call.node.output, op.activation)).permute(0, 2, 3, 1)[:, None]]


def _resize_bilinear(call: Call) -> Sequence[Codes]:
    op, (_, height, width, _) = call.op, call.node.inputs[0].shape
    image = call.operands[0][:, 0]
    for axis, size_in, size_out in ((1, height, op.height), (2, width, op.width)):
        low, high, part = (torch.from_numpy(a).to(image.device) for a in op.taps(size_in, size_out))
        part = (part / ONE).float().reshape(-1, *(1,) * (3 - axis))
        image = image.index_select(axis, low) * (1 - part) + image.index_select(axis, high) * part
    return [call.finish(image, _by_channel(call))]


# numbers moved


def _pad(call: Call) -> Sequence[Codes]:
    op, output = call.op, call.node.output
    sides = [n for pair in zip(reversed(op.before), reversed(op.after), strict=True) for n in pair]
    fill = float(op.fill(output) - output.affine.zero_point)
    return [functional.pad(call.operands[0], sides, value=fill)]


def _reshape(call: Call) -> Sequence[Codes]:
    return [call.operands[0].reshape(call.count, *call.node.output.shape)]


def _transpose(call: Call) -> Sequence[Codes]:
    return [call.operands[0].permute(0, *(axis + 1 for axis in call.op.permutation))]


def _concatenation(call: Call) -> Sequence[Codes]:
    parts = [
        codes.expand(call.count, *tensor.shape) if tensor.is_constant else codes
        for codes, tensor in zip(call.operands, call.node.inputs, strict=True)
    ]
    return [torch.cat(parts, call.op.axis + 1)]


def _picked(call: Call) -> Sequence[Codes]:
    """Of an op that copies elements: which ones, the op itself says."""
    shape: Shape = call.node.inputs[0].shape
    places = call.op.run_int8(call.node, [np.arange(math.prod(shape)).reshape(shape)])
    flat = call.operands[0].reshape(call.count, -1)
    chosen = [torch.from_numpy(p.ravel()).to(flat.device) for p in places]
    return [
        flat.index_select(1, index).reshape(call.count, *tensor.shape)
        for index, tensor in zip(chosen, call.node.outputs, strict=True)
    ]


RUNS: dict[type[Op], Run] = {
    Abs: _elementwise(lambda op, x: x.abs()),
    Add: _sum_or_difference,
    AveragePool2D: _average_pool2d,
    BatchMatMul: _elementwise(_product),
    Concatenation: _concatenation,
    Conv2D: _conv2d,
    DepthwiseConv2D: _conv2d,
    Elementary: _elementwise(lambda op, x: _ELEMENTARY[op.function](x)),
    Elu: _elementwise(lambda op, x: functional.elu(x)),
    FullyConnected: _fully_connected,
    Gelu: _elementwise(lambda op, x: functional.gelu(x, approximate="tanh" if op.approximate else "none")),
    HardSwish: _elementwise(lambda op, x: functional.hardswish(x)),
    L2Normalization: _elementwise(lambda op, x: functional.normalize(x, dim=-1)),
    LeakyRelu: _elementwise(_slope),
    LogSoftmax: _elementwise(lambda op, x: torch.log_softmax(x, -1)),
    Logistic: _elementwise(lambda op, x: torch.sigmoid(x)),
    MaxPool2D: _max_pool2d,
    Maximum: _elementwise(lambda op, a, b: torch.maximum(a, b)),
    Mean: _mean,
    Minimum: _elementwise(lambda op, a, b: torch.minimum(a, b)),
    Mul: _elementwise(lambda op, a, b: a * b),
    Pad: _pad,
    Prelu: _elementwise(lambda op, x, slope: torch.where(x >= 0, x, x * slope)),
    Quantize: _elementwise(lambda op, x: x),
    Relu: _elementwise(lambda op, x: x),
    Reshape: _reshape,
    ResizeBilinear: _resize_bilinear,
    ResizeNearest: _picked,
    Rsqrt: _elementwise(lambda op, x: torch.rsqrt(x.clamp_min(1e-12))),
    Softmax: _elementwise(lambda op, x: torch.softmax(x * op.beta, -1)),
    Split: _picked,
    SquaredDifference: _elementwise(lambda op, a, b: (a - b).square()),
    StridedSlice: _picked,
    Sub: _sum_or_difference,
    Tanh: _elementwise(lambda op, x: torch.tanh(x)),
    Transpose: _transpose,
    TransposeConv: _transpose_conv,
}
