"""What windowed operators share: images, weights, biases, strides, and SAME or VALID as explicit padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.tflite_call import Call
from tinyml.ir import DType, Padding, Tensor, shown
from tinyml.ops.same_padding import same_padding

MAX_WINDOW = 1 << 14  # taps, strides and dilations of one side
_SAME, _VALID = 0, 1
# by the type of the activations; TFLM has no int4 weights for int16
_WEIGHTS = {
    DType.INT8: (DType.INT8, DType.INT4),
    DType.INT16: (DType.INT8,),
    DType.FLOAT32: (DType.FLOAT32,),
    DType.FLOAT16: (DType.FLOAT16,),
}
_BIASES = {DType.INT8: DType.INT32, DType.INT16: DType.INT64}


def image(call: Call, index: int) -> Tensor:
    """An operand that is one image [1, H, W, C]."""
    tensor = call.input(index)
    if len(tensor.shape) != 4 or tensor.shape[0] != 1:
        raise UnsupportedError(
            f"input {shown(tensor.name)} of shape {list(tensor.shape)}; an image 1xHxWxC is supported"
        )
    return tensor


def weights_for(call: Call, index: int, source: Tensor) -> Tensor:
    """The weights of an operator. Constant int8 weights behind a float image (TFLite's hybrid) become real numbers."""
    weights = call.input(index)
    quant = weights.quant
    if not source.dtype.is_float or weights.dtype is not DType.INT8 or weights.data is None or quant is None:
        return weights
    along = [1] * len(weights.shape)
    if quant.axis is not None:
        along[quant.axis] = -1
    scales, zero_points = (np.array(values).reshape(along) for values in (quant.scales, quant.zero_points))
    return Tensor.constant(weights.name, (scales * (weights.data - zero_points)).astype(np.float32))


def check_weights(
    call: Call, source: Tensor, weights: Tensor, axis: int, sides: int = 4, symmetric: bool = True
) -> None:
    """Refuses weights of another type than the input, per-channel along another axis, or off centre."""
    if len(weights.shape) != sides:
        raise ModelError(f"weights {shown(weights.name)} have shape {list(weights.shape)}, {sides} sides expected")
    if weights.dtype not in _WEIGHTS.get(source.dtype, ()):
        raise UnsupportedError(f"{weights.dtype.value} weights for a {source.dtype.value} input")
    call.require_activations(source, call.output)
    if weights.dtype.is_float:
        return
    if not weights.is_constant:
        raise UnsupportedError(f"weights {shown(weights.name)} are computed at run time; constants are needed")
    if weights.quant is None or weights.quant.axis not in (None, axis):
        raise ModelError(f"weights {shown(weights.name)} have no scales along axis {axis}")
    plain = weights.dtype is source.dtype is DType.INT8  # int4 weights, and those for int16, are symmetric
    if any(weights.quant.zero_points) and (symmetric or weights.quant.is_per_channel or not plain):
        raise UnsupportedError(f"weights {shown(weights.name)} with zero points other than 0")


def with_bias(call: Call, source: Tensor, weights: Tensor, index: int) -> list[Tensor]:
    """The inputs of a node with weights: operand `index`, the bias, comes third when it is there.

    Converters also write biases of shape [1, N] and [1, 1, 1, N]: constants become vectors.
    """
    bias = call.optional(index)
    if bias is None:
        return [source, weights]
    expected = _BIASES.get(source.dtype, DType.FLOAT32)
    if bias.dtype is not expected:
        raise UnsupportedError(f"{bias.dtype.value} bias {shown(bias.name)}; {expected.value} is supported")
    if not expected.is_float and not bias.is_constant:
        raise UnsupportedError(f"bias {shown(bias.name)} is computed at run time; a constant is needed")
    return [source, weights, _as_vector(bias)]


def _as_vector(bias: Tensor) -> Tensor:
    if bias.data is None or len(bias.shape) == 1 or bias.size != max(bias.shape, default=1):
        return bias
    quant = replace(bias.quant, axis=0) if bias.quant and bias.quant.is_per_channel else bias.quant
    return replace(bias, shape=(bias.size,), quant=quant, data=bias.data.reshape(-1))


def window_sides(options: Any, dilated: bool) -> tuple[int, int, int, int]:
    """(stride_h, stride_w, dilation_h, dilation_w) as the options state them."""
    dilations = (options.DilationHFactor(), options.DilationWFactor()) if dilated else (1, 1)
    stride_h, stride_w, dilation_h, dilation_w = map(int, (options.StrideH(), options.StrideW(), *dilations))
    for side in (stride_h, stride_w, dilation_h, dilation_w):
        if not 1 <= side <= MAX_WINDOW:
            raise ModelError(f"strides {stride_h}x{stride_w} and dilations {dilation_h}x{dilation_w}")
    return stride_h, stride_w, dilation_h, dilation_w


def stated_padding(code: int, source: Tensor, kernel: Sequence[int], sides: Sequence[int]) -> Padding:
    """Explicit padding of a window of `kernel` taps; sides: as `window_sides` gives them."""
    stride, dilation = sides[:2], sides[2:]
    spans = [(taps - 1) * step + 1 for taps, step in zip(kernel, dilation, strict=True)]
    if not all(1 <= span <= MAX_WINDOW for span in spans):
        raise ModelError(f"a window of {kernel[0]}x{kernel[1]} taps, dilated {dilation[0]}x{dilation[1]}")
    return same_padding(source.shape[1], source.shape[2], spans, stride) if _is_same(code) else Padding()


def transposed_padding(code: int, source: Tensor, weights: Tensor, output: Tensor, stride: Sequence[int]) -> Padding:
    """Explicit padding of a transposed convolution: top and left as stated, the rest by the output's size."""
    if len(output.shape) != 4:
        raise ModelError(f"an output of shape {list(output.shape)}; an image is expected")
    sides: list[int] = []
    same = same_padding(output.shape[1], output.shape[2], weights.shape[1:3], stride) if _is_same(code) else Padding()
    for axis, before in ((1, same.top), (2, same.left)):
        whole = (source.shape[axis] - 1) * stride[axis - 1] + weights.shape[axis]
        sides += [before, whole - before - output.shape[axis]]
    return Padding(*sides)


def _is_same(code: int) -> bool:
    if code not in (_SAME, _VALID):
        raise ModelError(f"padding {code} is neither SAME nor VALID")
    return code == _SAME
