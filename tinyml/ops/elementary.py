"""Functions of one number that TFLite has in float only (NEG, EXP, LOG, SQUARE, SIN, COS, ELU): in int8, a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Tensor
from tinyml.ir.requantize import Int64
from tinyml.ops.pointwise import Pointwise
from tinyml.ops.quantize import quantized

# by the schema's names of the operators that compute it, one after the other; "+1" adds 1
FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "COS": np.cos,
    "ELU": lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
    "EXP": np.exp,
    "EXP +1 LOG": lambda x: np.log(np.exp(x) + np.float32(1)),
    "LOG": np.log,
    "NEG": np.negative,
    "SIN": np.sin,
    "SQUARE": np.square,
}
SOFTPLUS = "EXP +1 LOG"


@dataclass(frozen=True)
class Elementary(Pointwise):
    """input: any shape. function: a key of FUNCTIONS.

    int8: as DEQUANTIZE, the function in float32 and QUANTIZE compute it; what is not a number becomes the least one.
    """

    kind: ClassVar[str] = "elementary"

    function: str

    def map_int8(self, values: Int64, source: Tensor, output: Tensor) -> Int64:
        real = np.float32(source.affine.scale) * (values - source.affine.zero_point).astype(np.float32)
        with np.errstate(all="ignore"):
            found = self.map_float(real)
            return quantized(np.where(np.isnan(found), -np.inf, found), output)

    def map_float(self, values: Array) -> Array:
        return FUNCTIONS[self.function](values)
