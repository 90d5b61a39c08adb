"""TFLite operators that keep a state in variable tensors: SVDF and UNIDIRECTIONAL_SEQUENCE_LSTM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tinyml.errors import UnsupportedError
from tinyml.importers.tflite_call import Call, activation, finite, require_per_tensor
from tinyml.ir import DType, Op, Tensor, shown
from tinyml.ops import Lstm, Svdf

SVDF_STATES = (4,)
LSTM_STATES = (18, 19)  # hidden state, cell state
_TANH = 4  # its number among the fused activations
_LEFT_OUT = {"peephole weights": range(9, 12), "a projection": range(16, 18), "layer normalization": range(20, 24)}
_CELL_POWERS = range(-15, -8)  # of the cell's scale; TFLM wants at most -9


def svdf(call: Call, options: Any) -> tuple[Op, Sequence[Tensor]]:
    source, feature, time, bias, state = (call.input(index) for index in range(5))
    call.require_activations(source, call.output)
    _require_types((source, feature, bias, state), (DType.INT8, DType.INT8, DType.INT32, time.dtype))
    if not all(tensor.is_constant for tensor in (feature, time, bias)):
        raise UnsupportedError("weights that are computed at run time")
    _require_symmetric(feature, time, *([state] if state.dtype is DType.INT16 else []))
    require_per_tensor(state)
    op = Svdf(int(options.Rank()), activation(options.FusedActivationFunction()))
    return op, [source, state, feature, time, bias]


def lstm(call: Call, options: Any) -> tuple[Op, Sequence[Tensor]]:
    source, hidden, cell = call.input(0), call.input(18), call.input(19)
    call.require_activations(source, hidden, call.output)
    for what, operands in _LEFT_OUT.items():
        if any(call.optional(index) is not None for index in operands):
            raise UnsupportedError(what)
    weights, recurrent, bias = ([call.input(at + gate) for gate in range(4)] for at in (1, 5, 12))
    _require_types((*weights, *recurrent, *bias, cell), (DType.INT8,) * 8 + (DType.INT32,) * 4 + (DType.INT16,))
    if not all(tensor.is_constant for tensor in (*weights, *recurrent, *bias)):
        raise UnsupportedError("weights that are computed at run time")
    _require_symmetric(*weights, *recurrent, cell)
    if options.TimeMajor() or options.FusedActivationFunction() != _TANH:
        raise UnsupportedError("time in front of the batch, or another activation than TANH")
    if hidden.quant != call.output.quant:
        raise UnsupportedError(f"a hidden state of {hidden.quant} for an output of {call.output.quant}")
    power = math.log2(cell.affine.scale) if cell.affine.scale > 0 else 0.0
    if power not in _CELL_POWERS:
        raise UnsupportedError(f"a cell state in steps of {cell.affine.scale:.6g}; 2**-15 to 2**-9 are supported")
    return Lstm(finite(options.CellClip(), "cell clip")), [source, hidden, cell, *weights, *recurrent, *bias]


def _require_types(tensors: Sequence[Tensor], wanted: Sequence[DType]) -> None:
    for tensor, dtype in zip(tensors, wanted, strict=True):
        if tensor.dtype is not dtype:
            raise UnsupportedError(f"tensor {shown(tensor.name)} is {tensor.dtype.value}; {dtype.value} is supported")


def _require_symmetric(*tensors: Tensor) -> None:
    for tensor in tensors:
        if tensor.quant is None or len(tensor.quant.scales) != 1 or tensor.quant.zero_points != (0,):
            raise UnsupportedError(f"tensor {shown(tensor.name)} is {tensor.quant}; one scale, zero point 0 expected")
