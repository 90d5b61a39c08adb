"""Greatest value in a sliding window (TFLite MAX_POOL_2D)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tinyml.ir import Array, Node
from tinyml.ir.requantize import activation_range, clamp_float
from tinyml.ops.pool import Pool


@dataclass(frozen=True)
class MaxPool2D(Pool):
    """Greatest of the taps inside the image; a window without one gives the least value of the type."""

    kind: ClassVar[str] = "max_pool2d"
    takes_int16: ClassVar[bool] = True

    def greatest(self, image: Array, least: float) -> Array:
        """The greatest taps [out_h, out_w, C] of an image [H, W, C]; `least` where there is none."""
        best: Array | None = None
        for _, _, view in self.window.taps(image, least):
            best = view if best is None else np.maximum(best, view)
        assert best is not None
        return best

    def run_int8(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        low, high = activation_range(self.activation, node.output)
        least = node.output.dtype.bounds[0]
        return (np.clip(self.greatest(values[0][0], least), low, high).astype(node.output.dtype.numpy)[None],)

    def run_float(self, node: Node, values: Sequence[Array]) -> tuple[Array, ...]:
        greatest = self.greatest(values[0][0], float(np.finfo(np.float32).min))
        return (clamp_float(greatest, self.activation)[None],)
