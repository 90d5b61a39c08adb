"""QuantizeLinear and DequantizeLinear: int8 and uint8 activations, constants as int8, uint8 or int32.

uint8 becomes int8: numbers and zero points move down by 128, which means the same real numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.nchw import Builder, Operand, Quantized, Value
from tinyml.importers.nchw_shape import axis_of
from tinyml.importers.onnx_call import OnnxCall
from tinyml.importers.qdq import scales_of
from tinyml.ir import Array, Quant

_SHIFTS = {"int8": 0, "uint8": 128, "int32": 0}


def _quant(call: OnnxCall, default: str) -> tuple[Array, Array, str]:
    """(scales, zero points as int8 would have them, the integers' type)."""
    scales = call.constant(1, "scale").reshape(-1).astype(np.float64)
    given = call.optional(2, "zero point")
    kind = default if given is None else given.dtype.name
    if kind not in _SHIFTS:
        raise UnsupportedError(f"quantization to {kind}")
    zeros = np.zeros(len(scales), np.int64) if given is None else given.reshape(-1).astype(np.int64)
    if len(zeros) != len(scales) or not len(scales) or not (np.isfinite(scales) & (scales > 0)).all():
        raise ModelError(f"{len(scales)} scales and {len(zeros)} zero points; scales are finite and above 0")
    return scales, zeros - _SHIFTS[kind], kind


def quantize(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    call.require("block_size", 0)
    scales, zeros, kind = _quant(call, "uint8")
    if len(scales) != 1 or kind == "int32":
        raise UnsupportedError(
            f"an activation of {len(scales)} scales, {kind}; one scale of int8 or uint8 is supported"
        )
    return [builder.quantize(call.value(0), Quant.per_tensor(scales[0], int(zeros[0])))]


def quantized(call: OnnxCall) -> Sequence[Array]:
    """Of a constant: its integers, to nearest, ties to even."""
    data = call.constant(0, "input").astype(np.float64)
    scales, zeros, kind = _quant(call, "uint8")
    sides = _sides(call, data, len(scales))
    codes = np.round(data / scales.reshape(sides)) + zeros.reshape(sides) + _SHIFTS[kind]
    info = np.iinfo(kind)
    return [np.clip(codes, info.min, info.max).astype(kind)]


def _sides(call: OnnxCall, data: Array, count: int) -> list[int]:
    """The shape in which `count` scales stretch over a constant."""
    sides = [1] * data.ndim
    if count > 1:
        axis = axis_of(call.integer("axis", 1), data.shape)
        if data.shape[axis] != count:
            raise ModelError(f"{count} scales for {data.shape[axis]} slices")
        sides[axis] = -1
    return sides


def dequantize(builder: Builder, call: OnnxCall) -> Sequence[Operand]:
    call.require("block_size", 0)
    operand = call.operand(0)
    if isinstance(operand, Value):
        if operand.tensor.dtype.is_float:
            raise ModelError("its input is not quantized")
        scales, zeros, _ = _quant(call, "uint8")
        if Quant.per_tensor(scales[0], int(zeros[0])) != operand.tensor.quant or len(scales) != 1:
            raise UnsupportedError("another scale or zero point than its input was quantized with")
        return [builder.dequantize(operand)]
    return dequantized(call)


def dequantized(call: OnnxCall) -> Sequence[Array]:
    """Of a constant: real numbers that remember their scales."""
    data = call.constant(0, "input")
    if data.dtype.name not in _SHIFTS:
        raise UnsupportedError(f"a constant of {data.dtype}")
    scales, zeros, kind = _quant(call, data.dtype.name)
    if kind != data.dtype.name:
        raise ModelError(f"a constant of {data.dtype} with zero points of {kind}")
    sides = _sides(call, data, len(scales))
    wide = data.astype(np.int64) - _SHIFTS[kind] - zeros.reshape(sides)
    # float32 does not hold every int32: a bias of more than 2**24 steps would come back as another
    precision = np.float64 if kind == "int32" else np.float32
    real = np.asarray(wide * scales.reshape(sides), precision).view(Quantized)
    real.quant = scales_of(scales.tolist(), zeros.tolist())
    return [real]
