"""ATen convolutions, pools and resizing: their arguments as windows and interpolation weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers import nchw_window as windows
from tinyml.importers.nchw import Builder, Operand, Value
from tinyml.importers.nchw_window import Sliding
from tinyml.importers.torch_call import AtenCall
from tinyml.ir import Array

Row = Callable[[Builder, AtenCall], Sequence[Operand]]


def _spread(numbers: Sequence[int], rank: int) -> list[int]:
    """One number stands for all axes."""
    return list(numbers) * rank if len(numbers) == 1 else list(numbers)


def _weights(call: AtenCall) -> Array:
    weights = call.constant("weight")
    if weights.ndim not in (3, 4):
        raise UnsupportedError(f"weights of shape {list(weights.shape)}; 1-D and 2-D windows are supported")
    return weights


def _bias(call: AtenCall, channels: int) -> Array | None:
    bias = call.optional("bias")
    if bias is not None and bias.shape != (channels,):
        raise ModelError(f"a bias of shape {list(bias.shape)} for {channels} channels")
    return bias


def _sliding(call: AtenCall, rank: int) -> Sliding:
    stride, dilation = (_spread(call.ints(name, [1]), rank) for name in ("stride", "dilation"))
    padding = call.get("padding")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ModelError(f"padding {padding!r}")
        return Sliding(stride, dilation, auto="SAME_UPPER" if padding == "same" else "VALID")
    sides = _spread(call.ints("padding", [0]), rank)
    return Sliding(stride, dilation, sides, sides)


def conv(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    weights = _weights(call)
    sliding, groups = _sliding(call, weights.ndim - 2), call.integer("groups", 1)
    return [windows.conv(builder, call.value("input"), weights, _bias(call, len(weights)), sliding, groups)]


def conv_transpose(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    weights, groups = _weights(call), call.integer("groups", 1)
    rank = weights.ndim - 2
    extra = _spread(call.ints("output_padding", [0]), rank)
    bias = _bias(call, weights.shape[1] * groups)
    value, sliding = call.value("input"), _sliding(call, rank)
    return [windows.conv_transpose(builder, value, weights, bias, sliding, extra, groups)]


def convolution(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return conv_transpose(builder, call) if call.flag("transposed") else conv(builder, call)


def _pool_window(call: AtenCall) -> tuple[list[int], Sliding]:
    rank = len(call.value("self").shape) - 2
    kernel = _spread(call.ints("kernel_size"), rank)
    stride = _spread(call.ints("stride") or kernel, rank)
    dilation, padding = _spread(call.ints("dilation", [1]), rank), _spread(call.ints("padding", [0]), rank)
    return kernel, Sliding(stride, dilation, padding, padding, ceil=call.flag("ceil_mode"))


def max_pool(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    return [windows.max_pool(builder, call.value("self"), *_pool_window(call))]


def average_pool(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    if call.get("divisor_override") is not None:
        raise UnsupportedError("divisor_override")
    counts = call.flag("count_include_pad", True)
    return [windows.average_pool(builder, call.value("self"), *_pool_window(call), counts)]


def adaptive_average_pool(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value = call.value("self")
    sizes = _spread(call.ints("output_size"), len(value.shape) - 2)
    return [windows.adaptive_average_pool(builder, value, sizes)]


def adaptive_max_pool(builder: Builder, call: AtenCall) -> Sequence[Operand]:
    value = call.value("self")
    sizes = _spread(call.ints("output_size"), len(value.shape) - 2)
    if set(sizes) != {1}:
        raise UnsupportedError(f"an adaptive pool to {sizes}")
    return [windows.max_pool(builder, value, value.shape[2:], Sliding())]


def upsample(bilinear: bool, exact: bool = False) -> Row:
    """Source: ATen's area_pixel_compute_source_index and nearest_neighbor_compute_source_index."""

    def lower(builder: Builder, call: AtenCall) -> Sequence[Operand]:
        value = call.value("input" if "input" in call.node.arguments else "self")
        spatial = value.shape[2:]
        sizes, scales = _target(call, value)
        windows.require_resizable((*sizes, *spatial))
        corners = call.flag("align_corners")
        weights = []
        for side, size, scale in zip(spatial, sizes, scales, strict=True):
            step = 1 / scale if scale else side / size
            out = np.arange(size, dtype=np.float64)
            if bilinear:
                aligned = out * ((side - 1) / (size - 1) if size > 1 else 0)
                weights.append(windows.linear_weights(aligned if corners else (out + 0.5) * step - 0.5, side))
            else:
                weights.append(windows.nearest_weights(np.floor((out + 0.5 if exact else out) * step), side))
        return [windows.resize(builder, value, (weights[0], weights[1] if len(weights) > 1 else np.eye(1)), bilinear)]

    return lower


def _target(call: AtenCall, value: Value) -> tuple[list[int], list[float | None]]:
    """(output sizes, stated scales or None), one per spatial axis."""
    rank = len(value.shape) - 2
    if rank not in (1, 2):
        raise UnsupportedError(f"an input of shape {list(value.shape)}; 1xCxHxW or 1xCxL is supported")
    factors = call.floats("scale_factors")
    if call.get("output_size") is None and factors is not None and len(factors) == rank:
        if not all(math.isfinite(factor) and 0 < factor < 1e4 for factor in factors):
            raise ModelError(f"scales {factors}")
        sizes = [math.floor(side * factor) for side, factor in zip(value.shape[2:], factors, strict=True)]
        return sizes, list(factors)
    sizes = call.ints("output_size")
    if len(sizes) != rank:
        raise ModelError(f"an output of {sizes} from {list(value.shape)}")
    named = [call.number(name) for name in (("scales_h", "scales_w") if rank == 2 else ("scales",))]
    return sizes, [scale if scale is not None and 0 < scale < 1e4 else None for scale in named]
