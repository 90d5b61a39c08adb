"""Exponential linear unit (TFLite ELU)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array
from tinyml.ops.by_float import ByFloat


@dataclass(frozen=True)
class Elu(ByFloat):
    """input: any shape; x for x >= 0, exp(x) - 1 otherwise."""

    kind: ClassVar[str] = "elu"

    def map_float(self, values: Array) -> Array:
        return np.where(values < 0, np.expm1(np.minimum(values, 0)), values)
