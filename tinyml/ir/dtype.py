"""Element types of tensors."""

from __future__ import annotations

from enum import Enum

import numpy as np


class DType(Enum):
    """An element type; the value is its numpy name."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    BOOL = "bool"
    FLOAT16 = "float16"
    FLOAT32 = "float32"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        return np.dtype(self.value)

    @property
    def size_bytes(self) -> int:
        return self.numpy.itemsize

    @property
    def is_float(self) -> bool:
        return self in (DType.FLOAT16, DType.FLOAT32)

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest value of an integer type."""
        info = np.iinfo(self.value)
        return int(info.min), int(info.max)
