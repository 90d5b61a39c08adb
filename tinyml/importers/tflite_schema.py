"""Bounded reading of a .tflite flatbuffer.

The generated accessors believe every number in the file. Here each vector is held against the size of the file before
it is touched, each index against its vector, and the sum of all bytes read against a budget, so that a hostile file
costs time linear in its size. What breaks all the same ends as ModelError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tinyml.errors import ModelError, UnsupportedError
from tinyml.ir import Array, shown

MAX_OPERATORS = 10_000
_BUDGET_PER_BYTE, _BUDGET_FLOOR = 4, 1 << 16
# what struct, numpy and the accessors raise on offsets and lengths that are out of range
_DAMAGE = (struct.error, ValueError, IndexError, TypeError, OverflowError, AttributeError, ZeroDivisionError)
_NO_OPTIONS = struct.pack("<HHi", 4, 4, 4)  # an empty table at byte 4: every field reads as its default
OPERATOR_NAMES: dict[int, str] = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
TYPE_NAMES: dict[int, str] = {v: k for k, v in vars(schema.TensorType).items() if isinstance(v, int)}


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turns whatever a damaged file makes the accessors raise into one ModelError about `what`."""
    try:
        yield
    except _DAMAGE as error:
        raise ModelError(f"the file is damaged at {what} ({type(error).__name__}: {error})") from error


@dataclass(frozen=True)
class OperatorEntry:
    """One operator as the file states it; tensors by number, -1 for an operand left out."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any

    def options(self, name: str) -> Any:
        """Accessor of the builtin options `name` ("Conv2DOptions"), all defaults where the file has none."""
        accessor = getattr(schema, name)()
        table = self.table.BuiltinOptions()
        if table is None or self.table.BuiltinOptionsType() == schema.BuiltinOptions.NONE:
            accessor.Init(_NO_OPTIONS, 4)
            return accessor
        if self.table.BuiltinOptionsType() != getattr(schema.BuiltinOptions, name):
            raise ModelError(f"{self.name} does not come with {name}")
        accessor.Init(table.Bytes, table.Pos)
        return accessor


@dataclass(frozen=True)
class QuantEntry:
    """Quantization as the file states it."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


@dataclass(frozen=True)
class TensorEntry:
    """One tensor as the file states it. data: its raw bytes (uint8) when it is a constant."""

    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    type_name: str
    quant: QuantEntry | None
    data: Array | None
    is_variable: bool
    is_sparse: bool


class TfliteFile:
    """One subgraph of a .tflite file, at first the main one. Raises ModelError for anything damaged."""

    def __init__(self, data: bytes) -> None:
        _check_head(data)
        self._data = data
        self._budget = _BUDGET_PER_BYTE * len(data) + _BUDGET_FLOOR
        with reading("its root"):
            self._model = schema.Model.GetRootAs(data, 0)
            self._subgraph_count = self.length(self._model, "Subgraphs", 4)
            self._buffer_count = self.length(self._model, "Buffers", 4)
        self._select(0)

    def _select(self, number: int) -> None:
        if not 0 <= number < self._subgraph_count:
            raise ModelError(f"the file holds no subgraph {number}" if number else "the file holds no subgraph")
        with reading(f"subgraph {number}"):
            self._subgraph = self._model.Subgraphs(number)
            self._tensor_count = self.length(self._subgraph, "Tensors", 4)
            self.inputs = self.indices(self._subgraph, "Inputs")
            self.outputs = self.indices(self._subgraph, "Outputs")
        self.operators = self._operators()

    def subgraph(self, number: int) -> TfliteFile:
        """Another subgraph of the same file."""
        other = copy(self)
        other._select(number)
        return other

    def length(self, table: Any, field: str, item_bytes: int) -> int:
        """Length of a vector that fits into the file; it is charged to the budget."""
        count = int(getattr(table, f"{field}Length")())
        if count * item_bytes > len(self._data):
            raise ModelError(
                f"the file is damaged: {field} claims {count} entries in a file of {len(self._data)} bytes"
            )
        self._charge(count * item_bytes)
        return count

    def numbers(self, table: Any, field: str, item_bytes: int) -> Array:
        """A vector of numbers, empty when absent."""
        if not self.length(table, field, item_bytes):
            return np.empty(0, np.int32)
        return np.asarray(getattr(table, f"{field}AsNumpy")())

    def indices(self, table: Any, field: str) -> tuple[int, ...]:
        """A vector of tensor numbers, each -1 or within the subgraph's tensors."""
        found = tuple(self.numbers(table, field, 4).tolist())
        for index in found:
            if not -1 <= index < self._tensor_count:
                raise ModelError(f"the file is damaged: {field} names tensor {index} of {self._tensor_count}")
        return found

    def tensor(self, index: int) -> TensorEntry:
        """A tensor by its number, which must be one of `indices`."""
        with reading(f"tensor {index}"):
            table = self._subgraph.Tensors(index)
            kind = int(table.Type())
            if int(table.ExternalBuffer()):
                raise UnsupportedError("weights stored outside the flatbuffer")
            return TensorEntry(
                self.text(table.Name()),
                tuple(self.numbers(table, "Shape", 4).tolist()),
                tuple(self.numbers(table, "ShapeSignature", 4).tolist()),
                TYPE_NAMES.get(kind, f"type {kind}"),
                self._quant(table.Quantization()),
                self._buffer(int(table.Buffer())),
                bool(table.IsVariable()),
                table.Sparsity() is not None,
            )

    def _operators(self) -> tuple[OperatorEntry, ...]:
        with reading("its operators"):
            codes = [
                self._code_name(self._model.OperatorCodes(index))
                for index in range(self._bounded(self._model, "OperatorCodes"))
            ]
            count = self._bounded(self._subgraph, "Operators")
        return tuple(self._operator(index, codes) for index in range(count))

    def _bounded(self, table: Any, field: str) -> int:
        count = self.length(table, field, 4)
        if count > MAX_OPERATORS:
            raise UnsupportedError(f"{count} {field}; at most {MAX_OPERATORS} are supported")
        return count

    def _operator(self, index: int, codes: list[str]) -> OperatorEntry:
        with reading(f"operator {index}"):
            table = self._subgraph.Operators(index)
            code = int(table.OpcodeIndex())
            if not 0 <= code < len(codes):
                raise ModelError(f"operator {index} has code {code}, the file lists {len(codes)}")
            return OperatorEntry(codes[code], self.indices(table, "Inputs"), self.indices(table, "Outputs"), table)

    def _code_name(self, table: Any) -> str:
        # codes above 126 do not fit the first field, which then holds 127
        code = max(int(table.DeprecatedBuiltinCode()), int(table.BuiltinCode()))
        if code == schema.BuiltinOperator.CUSTOM:
            return f"CUSTOM {shown(self.text(table.CustomCode()))}"
        return OPERATOR_NAMES.get(code, f"operator {code}")

    def _quant(self, table: Any) -> QuantEntry | None:
        if table is None:
            return None
        scales = tuple(self.numbers(table, "Scale", 4).tolist())
        zero_points = tuple(self.numbers(table, "ZeroPoint", 8).tolist())
        if int(table.DetailsType()) != schema.QuantizationDetails.NONE:
            raise UnsupportedError("block-wise or custom quantization")
        return QuantEntry(scales, zero_points, int(table.QuantizedDimension())) if scales else None

    def _buffer(self, index: int) -> Array | None:
        """The bytes of a buffer; None for an empty one."""
        if not 0 <= index < self._buffer_count:
            raise ModelError(f"the file is damaged: buffer {index} of {self._buffer_count}")
        table = self._model.Buffers(index)
        if int(table.Offset()) > 1:
            raise UnsupportedError("weights stored outside the flatbuffer")
        data = self.numbers(table, "Data", 1)
        return data if data.size else None

    def text(self, raw: bytes | None) -> str:
        """A string of the file; what is not UTF-8 is replaced."""
        self._charge(len(raw or b""))
        return (raw or b"").decode("utf-8", "replace")

    def _charge(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            raise ModelError("the file is damaged: its vectors overlap, together they exceed the file many times")


def _check_head(data: bytes) -> None:
    if len(data) < 8:
        raise ModelError(f"not a .tflite file: {len(data)} bytes")
    if data[4:8] != b"TFL3":
        raise ModelError(f"not a .tflite file: it begins with {data[:8].hex(' ')}, 'TFL3' expected at byte 4")
