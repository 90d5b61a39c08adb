"""Operators of a .tflite file that work out shapes, or fill tensors of such: done here, for one image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.ir import Array, ShapeError
from tinyml.ops import StridedSlice

MOST_ELEMENTS = 1 << 20  # of what is worked out

Fold = Callable[[Sequence[Array], Any], Array]  # (operands, accessor of the options)


def _strided_slice(operands: Sequence[Array], options: Any) -> Array:
    source, *bounds = operands
    if options.EllipsisMask() or options.NewAxisMask() or options.Offset():
        raise UnsupportedError("ellipsis, new axes or offsets in the slice")
    begin, end, stride = ([int(value) for value in bound.ravel()] for bound in bounds)
    masks = (int(options.BeginMask()), int(options.EndMask()), int(options.ShrinkAxisMask()))
    return StridedSlice.resolve(source.shape, begin, end, stride, *masks).of(source)


def _gather(operands: Sequence[Array], options: Any) -> Array:
    return np.take(operands[0], operands[1], int(options.Axis()), mode="raise")


def _product(operands: Sequence[Array], options: Any) -> Array:
    axes = tuple(map(int, operands[1].ravel()))
    return np.asarray(np.prod(operands[0], axes, keepdims=bool(options.KeepDims())))


def _pack(operands: Sequence[Array], options: Any) -> Array:
    return np.stack(list(operands), int(options.Axis()))


def _concatenation(operands: Sequence[Array], options: Any) -> Array:
    return np.concatenate(list(operands), int(options.Axis()))


def _fill(operands: Sequence[Array], options: Any) -> Array:
    shape = tuple(map(int, operands[0].ravel()))
    if min(shape, default=1) < 1 or math.prod(shape) > MOST_ELEMENTS:
        raise UnsupportedError(f"a tensor of shape {list(shape)}")
    return np.full(shape, operands[1].ravel()[0])


def _reshape(operands: Sequence[Array], options: Any) -> Array:
    return operands[0].reshape([int(side) for side in operands[1].ravel()])


def _binary(function: Callable[[Array, Array], Array]) -> Fold:
    return lambda operands, options: function(operands[0], operands[1])


# operator -> how, and the class of its options in the schema, empty for none
FOLDS: dict[str, tuple[Fold, str]] = {
    "ADD": (_binary(np.add), ""),
    "CAST": (lambda operands, options: operands[0], ""),
    "CONCATENATION": (_concatenation, "ConcatenationOptions"),
    "EXPAND_DIMS": (lambda operands, options: np.expand_dims(operands[0], int(operands[1].ravel()[0])), ""),
    "FILL": (_fill, ""),
    "GATHER": (_gather, "GatherOptions"),
    "MUL": (_binary(np.multiply), ""),
    "PACK": (_pack, "PackOptions"),
    "REDUCE_PROD": (_product, "ReducerOptions"),
    "RESHAPE": (_reshape, ""),
    "STRIDED_SLICE": (_strided_slice, "StridedSliceOptions"),
    "SUB": (_binary(np.subtract), ""),
}


def folded(name: str, operands: Sequence[Array], options: Any) -> Array:
    """What the operator makes of constants. Raises UnsupportedError, ModelError."""
    try:
        result = FOLDS[name][0](operands, options)
    except ShapeError as error:
        raise ModelError(str(error)) from error
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise ModelError(f"its constants do not fit each other: {error}") from error
    if result.size > MOST_ELEMENTS:
        raise UnsupportedError(f"a tensor of shape {list(result.shape)}")
    return result
