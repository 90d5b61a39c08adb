"""One operator of a .tflite file with its tensors resolved, and the questions that op functions ask of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tinyml.errors import ModelError, UnsupportedError
from tinyml.importers.tflite_schema import TensorEntry
from tinyml.ir import ACTIVATION_TYPES, Activation, DType, Op, Quant, Tensor, shown
from tinyml.ir.dtype import unpack_int4

MAX_RANK = 8
MAX_TENSOR_BYTES = 2**31 - 1
_LEAST_SCALE = 1e-30  # quotients by smaller ones leave float32

ACTIVATIONS: dict[int, Activation] = {
    0: Activation.NONE,
    1: Activation.RELU,
    2: Activation.RELU_N1_TO_1,
    3: Activation.RELU6,
}
_INDEX_TYPES = (DType.INT32, DType.INT64)


Lowered = tuple[Op, Sequence[Tensor]]  # an op and its inputs in the Graph's order


@dataclass(frozen=True)
class Call:
    """An operator's tensors. None stands for an operand that is left out."""

    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]

    @property
    def output(self) -> Tensor:
        return self.outputs[0]

    def input(self, index: int) -> Tensor:
        """An operand that must be there."""
        tensor = self.inputs[index]
        if tensor is None:
            raise ModelError(f"operand {index} is missing")
        return tensor

    def for_one_image(self) -> Call:
        """The same on an image of the batch that the first operand and the output are."""
        first, output = (replace(tensor, shape=(1, *tensor.shape[1:])) for tensor in (self.input(0), self.output))
        return Call((first, *self.inputs[1:]), (output,))

    def optional(self, index: int) -> Tensor | None:
        """An operand that may be left out, or not be listed at all."""
        return self.inputs[index] if index < len(self.inputs) else None

    def integers(self, index: int, role: str) -> list[int]:
        """A shape operand's values: a constant vector of integers, or a matrix read row by row."""
        tensor = self.input(index)
        if not tensor.is_constant:
            raise UnsupportedError(f"its {role} ({shown(tensor.name)}) is computed at run time; a constant is needed")
        if tensor.dtype not in _INDEX_TYPES or tensor.size > 2 * MAX_RANK:
            raise ModelError(f"its {role} is {tensor.dtype.value}{list(tensor.shape)}")
        return [int(value) for value in tensor.values.ravel()]

    def require_activations(self, *tensors: Tensor) -> None:
        """UnsupportedError unless the tensors are all quantized int8, all int16 or all float32."""
        kinds = {tensor.dtype for tensor in tensors}
        if kinds not in ({DType.INT8}, {DType.INT16}, {DType.FLOAT32}):
            found = " with ".join(sorted(kind.value for kind in kinds))
            raise UnsupportedError(f"type {found}; int8, int16 or float32 is supported")
        for tensor in tensors:
            require_per_tensor(tensor)

    def require_same_quant(self, *tensors: Tensor) -> None:
        """UnsupportedError where an op that copies bytes would have to rescale them."""
        for tensor in tensors:
            if tensor.quant != self.output.quant:
                raise UnsupportedError(f"input {shown(tensor.name)} is {tensor.quant}, the output {self.output.quant}")


def require_per_tensor(tensor: Tensor) -> None:
    """ModelError for a quantized tensor without exactly one scale, UnsupportedError for an asymmetric int16 one."""
    if tensor.dtype not in ACTIVATION_TYPES:
        return
    if tensor.quant is None:
        raise ModelError(f"{tensor.dtype.value} tensor {shown(tensor.name)} has no scale")
    if len(tensor.quant.scales) != 1:
        raise ModelError(f"tensor {shown(tensor.name)} has {len(tensor.quant.scales)} scales, one expected")
    if tensor.dtype is DType.INT16 and tensor.quant.zero_point:
        raise UnsupportedError(f"int16 tensor {shown(tensor.name)} has zero point {tensor.quant.zero_point}, not 0")


def activation(code: int) -> Activation:
    """A fused activation by its number in the schema."""
    if code not in ACTIVATIONS:
        raise UnsupportedError(f"fused activation {code}")
    return ACTIVATIONS[code]


def finite(value: float, role: str) -> float:
    if not math.isfinite(value):
        raise ModelError(f"its {role} is {value}")
    return float(value)


def make_tensor(entry: TensorEntry) -> Tensor:
    """The tensor that an entry describes; UnsupportedError for a type or storage the SDK does not know."""
    name = shown(entry.name)
    if entry.type_name.lower() not in DType._value2member_map_:
        raise UnsupportedError(f"tensor {name} is {entry.type_name}")
    if entry.is_variable or entry.is_sparse:
        raise UnsupportedError(f"tensor {name} is {'sparse' if entry.is_sparse else 'a variable'}")
    dtype, shape = DType(entry.type_name.lower()), _shape(entry)
    size_bytes = dtype.bytes_of(math.prod(shape))
    if size_bytes > MAX_TENSOR_BYTES:
        raise UnsupportedError(f"tensor {name} of shape {list(shape)} takes {size_bytes} bytes")
    quant = None if dtype.is_float else _quant(entry, dtype, shape)
    if entry.data is None:
        return Tensor(entry.name, shape, dtype, quant)
    if entry.data.size != size_bytes:
        raise ModelError(f"constant {name} of shape {list(shape)} needs {size_bytes} bytes, has {entry.data.size}")
    raw = entry.data.astype(np.uint8)
    if dtype is DType.INT4:
        return Tensor(entry.name, shape, dtype, quant, unpack_int4(raw, math.prod(shape)).reshape(shape))
    values = raw != 0 if dtype is DType.BOOL else raw.view(dtype.numpy.newbyteorder("<")).astype(dtype.numpy)
    return Tensor(entry.name, shape, dtype, quant, values.reshape(shape))


def _shape(entry: TensorEntry) -> tuple[int, ...]:
    """The stated shape; a leading -1 is a free batch, taken as 1."""
    shape = (1, *entry.shape[1:]) if entry.shape[:1] == (-1,) else entry.shape
    if len(shape) > MAX_RANK:
        raise UnsupportedError(f"tensor {shown(entry.name)} has {len(shape)} sides, at most {MAX_RANK} are supported")
    if any(side < 1 for side in shape):
        raise ModelError(f"tensor {shown(entry.name)} has shape {list(shape)}; every side must be at least 1")
    return shape


def _quant(entry: TensorEntry, dtype: DType, shape: tuple[int, ...]) -> Quant | None:
    """The stated quantization, checked against the shape; whether scales are sound is for `verify`."""
    if entry.quant is None:
        return None
    scales, zero_points = entry.quant.scales, entry.quant.zero_points or (0,)
    if len(zero_points) == 1:
        zero_points = zero_points * len(scales)
    if dtype not in (*ACTIVATION_TYPES, DType.INT4) and not all(math.isfinite(scale) and scale > 0 for scale in scales):
        # an int32 or int64 bias whose scale underflowed to 0; nothing computes with it
        return None
    if len(scales) == 1 and len(zero_points) == 1:
        if scales[0] > 0 and math.isfinite(scales[0]) and not _LEAST_SCALE <= scales[0] <= 1 / _LEAST_SCALE:
            raise UnsupportedError(f"tensor {shown(entry.name)} has scale {scales[0]:.6g}")
        return Quant(scales, zero_points)
    axis = entry.quant.axis
    if not 0 <= axis < len(shape) or len(scales) != shape[axis] or len(zero_points) != len(scales):
        raise ModelError(
            f"tensor {shown(entry.name)} of shape {list(shape)} has {len(scales)} scales and "
            f"{len(zero_points)} zero points along axis {axis}"
        )
    return Quant(scales, zero_points, axis)
