"""ONNX convolutions, pools and resizing: their attributes as windows and interpolation weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers import nchw_shape as shapes
from tinyml.importers import nchw_window as windows
from tinyml.importers.nchw import Builder, Operand, Value
from tinyml.importers.nchw_window import Sliding
from tinyml.importers.onnx_call import OnnxCall
from tinyml.ir import Array

_MODES = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
_ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def _sliding(call: OnnxCall) -> Sliding:
    pads = call.ints("pads") or []
    auto = call.text("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID") or len(pads) % 2:
        raise ModelError(f"auto_pad {auto!r}, pads {pads}")
    half = len(pads) // 2
    return Sliding(
        call.ints("strides") or [],
        call.ints("dilations") or [],
        pads[:half],
        pads[half:],
        "" if auto == "NOTSET" else auto,
        bool(call.integer("ceil_mode", 0)),
    )


def _weights(call: OnnxCall) -> Array:
    weights = call.constant(1, "weights")
    if weights.ndim not in (3, 4):
        raise UnsupportedError(f"weights of shape {list(weights.shape)}; 1-D and 2-D windows are supported")
    stated = call.ints("kernel_shape")
    if stated is not None and tuple(stated) != weights.shape[2:]:
        raise ModelError(f"kernel_shape {stated} and weights {list(weights.shape)}")
    return weights


def _bias(call: OnnxCall, channels: int) -> Array | None:
    bias = call.optional(2, "bias")
    if bias is not None and bias.shape != (channels,):
        raise ModelError(f"a bias of shape {list(bias.shape)} for {channels} channels")
    return bias


def conv(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    weights = _weights(call)
    bias = _bias(call, weights.shape[0])
    return [windows.conv(builder, call.value(0), weights, bias, _sliding(call), call.integer("group", 1))]


def conv_transpose(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    weights, group = _weights(call), call.integer("group", 1)
    if call.ints("output_shape") is not None:
        raise UnsupportedError("output_shape; export it with explicit padding")
    bias = _bias(call, weights.shape[1] * group)
    extra = call.ints("output_padding") or []
    return [windows.conv_transpose(builder, call.value(0), weights, bias, _sliding(call), extra, group)]


def _kernel(call: OnnxCall) -> list[int]:
    kernel = call.ints("kernel_shape")
    if not kernel or len(call.node.outputs) > 1:
        raise UnsupportedError("no kernel_shape, or the positions of the greatest values as a second output")
    return kernel


def max_pool(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    return [windows.max_pool(builder, call.value(0), _kernel(call), _sliding(call))]


def average_pool(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    counts = bool(call.integer("count_include_pad", 0))
    return [windows.average_pool(builder, call.value(0), _kernel(call), _sliding(call), counts)]


def global_average_pool(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    return [shapes.mean(builder, value, range(2, len(value.shape)), keep=True)]


def global_max_pool(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    return [windows.max_pool(builder, value, value.shape[2:], Sliding())]


def upsample(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    """What Resize was before opset 10: positions are output / scale, rounded down."""
    value = call.value(0)
    scales = [float(scale) for scale in call.constant(1, "scales").reshape(-1)]
    return [
        _resized(builder, value, _sizes(value, scales), scales, ("asymmetric", call.text("mode", "nearest"), "floor"))
    ]


def resize(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    value = call.value(0)
    call.require("antialias", 0)
    call.require("exclude_outside", 0)
    call.require("keep_aspect_ratio_policy", "stretch")
    mode = call.text("mode", "nearest")
    if call.opset < 11:
        scales = [float(scale) for scale in call.constant(1, "scales").reshape(-1)]
        return [_resized(builder, value, _sizes(value, scales), scales, ("asymmetric", mode, "floor"))]
    axes = call.ints("axes") or list(range(len(value.shape)))
    rule = call.text("coordinate_transformation_mode", "half_pixel")
    rounding = call.text("nearest_mode", "round_prefer_floor")
    if rule not in _MODES or rounding not in _ROUNDINGS:
        raise UnsupportedError(f"coordinates {rule}, rounding {rounding}")
    given = call.optional(2, "scales")
    if given is not None and given.size:
        stated = [float(scale) for scale in given.reshape(-1)]
        scales = _along(axes, stated, [1.0] * len(value.shape))
        sizes = _sizes(value, scales)
    else:
        sizes = [int(side) for side in _along(axes, call.integers(3, "sizes"), list(value.shape))]
        scales = [size / side for size, side in zip(sizes, value.shape, strict=True)]
    return [_resized(builder, value, sizes, scales, (rule, mode, rounding))]


def _along(axes: Sequence[int], stated: Sequence[float], rest: Sequence[float]) -> list[float]:
    if len(stated) != len(axes):
        raise ModelError(f"{len(stated)} scales or sizes for {len(axes)} axes")
    full = list(rest)
    for axis, number in zip(axes, stated, strict=True):
        full[shapes.axis_of(axis, tuple(range(len(rest))))] = number
    return full


def _sizes(value: Value, scales: Sequence[float]) -> list[int]:
    if len(scales) != len(value.shape) or not all(math.isfinite(scale) and 0 < scale < 1e4 for scale in scales):
        raise ModelError(f"scales {list(scales)} for {list(value.shape)}")
    return [math.floor(side * scale) for side, scale in zip(value.shape, scales, strict=True)]


def _resized(
    builder: Builder, value: Value, sizes: Sequence[int], scales: Sequence[float], how: tuple[str, str, str]
) -> Value:
    """how: (coordinate rule, mode, rounding)."""
    rank = len(value.shape)
    if rank not in (3, 4) or len(sizes) != rank or tuple(sizes[:2]) != value.shape[:2]:
        raise UnsupportedError(f"a resize of {list(value.shape)} to {list(sizes)}; rows and columns are supported")
    windows.require_resizable((*sizes[2:], *value.shape[2:]))
    rule, mode, rounding = how
    if mode not in ("nearest", "linear"):
        raise UnsupportedError(f"mode {mode}; nearest and linear are supported")
    weights = []
    for side, size, scale in zip(value.shape[2:], sizes[2:], scales[2:], strict=True):
        positions = _positions(rule, side, size, scale)
        nearest = mode == "nearest"
        weights.append(
            windows.nearest_weights(_rounded(positions, rounding), side)
            if nearest
            else windows.linear_weights(positions, side)
        )
    return windows.resize(builder, value, (weights[0], weights[1] if rank == 4 else np.eye(1)), mode == "linear")


def _positions(rule: str, side: int, size: int, scale: float) -> Array:
    """Where in the input each output pixel lies (ONNX: coordinate_transformation_mode)."""
    out = np.arange(size, dtype=np.float64)
    if rule == "asymmetric":
        return out / scale
    if rule == "align_corners":
        return out * (side - 1) / (size - 1) if size > 1 else out * 0
    if rule == "pytorch_half_pixel" and size == 1:
        return out * 0
    return (out + 0.5) / scale - 0.5


def _rounded(positions: Array, rounding: str) -> Array:
    if rounding == "floor":
        return np.floor(positions)
    if rounding == "ceil":
        return np.ceil(positions)
    return np.ceil(positions - 0.5) if rounding == "round_prefer_floor" else np.floor(positions + 0.5)
