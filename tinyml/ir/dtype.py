"""Element types of tensors."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray


class DType(Enum):
    """An element type; the value is its numpy name, but for INT4, whose values numpy holds as int8.

    Int4 numbers are packed two to a byte in files and in C only (`pack_int4`).
    """

    INT4 = "int4"
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
        return np.dtype(np.int8 if self is DType.INT4 else self.value)

    @property
    def size_bytes(self) -> int:
        """Of one element; for INT4 see `bytes_of`."""
        return self.numpy.itemsize

    def bytes_of(self, count: int) -> int:
        """What `count` elements take in a file or in C."""
        return (count + 1) // 2 if self is DType.INT4 else count * self.size_bytes

    @property
    def is_float(self) -> bool:
        return self in (DType.FLOAT16, DType.FLOAT32)

    @property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest value of an integer type."""
        if self is DType.INT4:
            return -8, 7
        info = np.iinfo(self.value)
        return int(info.min), int(info.max)


ACTIVATION_TYPES = (DType.INT8, DType.INT16)  # what a quantized activation may be


def pack_int4(values: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Numbers in [-8, 7], two to a byte in their order, the first in the low four bits; an odd last one is alone."""
    nibbles = values.ravel().view(np.uint8) & 15
    pairs = np.append(nibbles, np.zeros(nibbles.size % 2, np.uint8)).reshape(-1, 2)
    return np.asarray(pairs[:, 0] | pairs[:, 1] << 4, np.uint8)


def unpack_int4(packed: NDArray[np.uint8], count: int) -> NDArray[np.int8]:
    """The first `count` numbers of what `pack_int4` made."""
    nibbles = np.stack([packed & 15, packed >> 4], axis=-1).ravel()[:count]
    return ((nibbles ^ 8).astype(np.int8) - 8).astype(np.int8)
