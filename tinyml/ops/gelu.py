"""Gaussian error linear unit (TFLite GELU)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array
from tinyml.ops.by_float import ByFloat, error_function


@dataclass(frozen=True)
class Gelu(ByFloat):
    """input: any shape; x times the normal distribution up to x. approximate: by tanh (arXiv 1606.08415, section 2)."""

    kind: ClassVar[str] = "gelu"

    approximate: bool = False

    def map_float(self, values: Array) -> Array:
        if self.approximate:
            inner = np.float32(np.sqrt(2 / np.pi)) * (values + np.float32(0.044715) * values * values * values)
            return np.asarray(np.float32(0.5) * values * (1 + np.tanh(inner)))
        return np.asarray(0.5 * values * (1 + error_function(values / np.sqrt(2))), np.float32)
