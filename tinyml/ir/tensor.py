"""A value in a graph: an activation, or a constant when it carries data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyml.ir.dtype import DType
from tinyml.ir.quant import Quant

Shape = tuple[int, ...]
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named, typed, shaped value. Compared by identity: two tensors of one name are two tensors.

    shape: NHWC with N = 1 for images, OHWI for weights; every side at least 1.
    quant: None for float and for index constants.
    data: the constant's values, read-only, of `dtype` and `shape`; None for an activation.
    """

    name: str
    shape: Shape
    dtype: DType
    quant: Quant | None = None
    data: Array | None = None

    def __post_init__(self) -> None:
        if self.data is None:
            return
        if self.data.shape != self.shape or self.data.dtype != self.dtype.numpy:
            raise ValueError(
                f"{self.name!r}: data {self.data.dtype}{self.data.shape}, stated {self.dtype.value}{self.shape}"
            )
        self.data.setflags(write=False)

    @classmethod
    def constant(cls, name: str, data: Array, quant: Quant | None = None) -> Tensor:
        data = np.array(data)
        return cls(name, data.shape, DType(data.dtype.name), quant, data)

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        return self.size * self.dtype.size_bytes

    @property
    def hwc(self) -> tuple[int, int, int]:
        """(height, width, channels): the rows in which the tensor is scheduled and stored.

        An image [1, H, W, C] is H rows. Anything else is one row; its last side counts as channels.
        """
        if len(self.shape) == 4 and self.shape[0] == 1:
            return self.shape[1], self.shape[2], self.shape[3]
        channels = self.shape[-1] if self.shape else 1
        return 1, self.size // channels, channels

    @property
    def row_bytes(self) -> int:
        return self.size_bytes // self.hwc[0]

    @property
    def pixel_bytes(self) -> int:
        return self.hwc[2] * self.dtype.size_bytes

    @property
    def affine(self) -> Quant:
        """The quantization of a tensor that must have one."""
        if self.quant is None:
            raise ValueError(f"{self.name!r} is not quantized")
        return self.quant

    @property
    def values(self) -> Array:
        """The data of a tensor that must be constant."""
        if self.data is None:
            raise ValueError(f"{self.name!r} is not constant")
        return self.data

    def __str__(self) -> str:
        sides = "x".join(map(str, self.shape)) or "scalar"
        quant = f" {self.quant}" if self.quant else ""
        return f"%{self.name}: {self.dtype.value}[{sides}]{quant}"

    __repr__ = __str__
